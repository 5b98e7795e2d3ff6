"""A copy of the live store: one file, complete, readable on any machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from muster.registry.store import StoreUnavailable
from muster.storage.sqlite.draft import draft
from muster.storage.sqlite.failures import BackupFailed, advice
from muster.storage.sqlite.file import live_names
from muster.storage.sqlite.schema import Head, read_head


class Backup(Struct, frozen=True):
    """What was written: `size` in bytes, and where in which history it stands."""

    path: Path
    size: int
    epoch: str
    revision: int


def take_backup(source: Path, destination: Path, *, copy: Callable[[Path], None], overwrite: bool) -> Backup:
    """Let `copy` fill a draft, make it durable, give it its name. Blocks. Raises `BackupFailed`."""
    if destination.resolve() in live_names(source.resolve()):
        raise BackupFailed(f"{destination} would replace a file of the live store: choose another name")
    try:
        with draft(destination, overwrite=overwrite) as path:
            copy(path)
            head = seal(path)
            size = path.stat().st_size
    except FileExistsError as error:
        raise BackupFailed(f"{destination} exists: choose another name, or ask to overwrite it") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{destination} cannot be written: {advice(error)}") from error
    except StoreUnavailable as error:
        raise BackupFailed(str(error)) from error
    return Backup(destination, size, head.epoch, head.revision)


def seal(path: Path) -> Head:
    """Make the copy a file that needs no companions: without a write-ahead log it can be read from anywhere."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        return read_head(copy)
