"""All records of a file that nobody serves, and a file made of all records: how stores of another kind are saved and restored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from muster.registry.store import Loaded, Stored

from .backup import seal
from .draft import draft
from .failures import BackupFailed, StoreRefused, advice
from .file import check, looking
from .lock import FileLock
from .schema import Head, begin_history, checksum, migrate


def read(path: Path) -> Loaded:
    """Everything a sound file holds; no registry may be running on it. Blocks. Raises `StoreRefused`."""
    if not path.exists():
        raise StoreRefused(path, "is not there", "name a backup, or the database in a data directory")
    with FileLock.take(path):
        head = check(path)
        with looking(path) as connection:
            rows = connection.execute("SELECT key, value, revision, op FROM records").fetchall()
    return Loaded(tuple(Stored(*row) for row in rows), head.revision, head.epoch)


def write(path: Path, loaded: Loaded, *, overwrite: bool = False) -> None:
    """A file of its own with these records, complete or not there at all. Blocks. Raises `BackupFailed`."""
    try:
        with draft(path, overwrite=overwrite) as new:
            with closing(sqlite3.connect(new, isolation_level=None)) as connection:
                migrate(connection)
                begin_history(connection, Head(loaded.epoch, loaded.revision))
                connection.execute("BEGIN")
                connection.executemany(
                    "INSERT INTO records (key, value, revision, op, crc) VALUES (?, ?, ?, ?, ?)",
                    ((*_row(each), checksum(*_row(each))) for each in loaded.records),
                )
                connection.execute("COMMIT")
            seal(new)
    except FileExistsError as error:
        raise BackupFailed(f"{path} exists: choose another name, or ask to overwrite it") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{path} cannot be written: {advice(error)}") from error


def _row(stored: Stored) -> tuple[str, bytes, int, str]:
    return stored.key, stored.value, stored.revision, stored.op
