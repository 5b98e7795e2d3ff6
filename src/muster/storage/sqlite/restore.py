"""Put a backup in the place of the store, with the registry stopped.

What the readers of the old store were told may not be in the backup. So the restored one is another history: its epoch is new,
which makes every reader start again, and its revisions begin above all that either file has told.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random, SystemRandom

from msgspec import Struct

from muster.storage.history import mint_epoch
from muster.storage.sqlite.draft import draft
from muster.storage.sqlite.failures import StoreRefused, advice
from muster.storage.sqlite.file import FILE_NAME, check, connect, make_directory, wal_path
from muster.storage.sqlite.lock import FileLock
from muster.storage.sqlite.schema import Head, begin_history

UNREADABLE_LEAP = 1 << 36
"""Revisions skipped when the old file cannot say how far it came: two years of a thousand writes a second."""


class Restored(Struct, frozen=True):
    """The new history, and where the old file is now (None: there was none)."""

    path: Path
    epoch: str
    revision: int
    aside: Path | None


def restore(backup: Path, data_dir: Path, *, rng: Random | None = None) -> Restored:
    """Check the backup, move the present file aside, start a new history from the backup's records. Blocks.

    Raises `StoreRefused` if the backup is not a sound one, or a registry is running on the directory; nothing is changed then.
    """
    path = data_dir / FILE_NAME
    try:
        saved = check_backup(backup)
        make_directory(data_dir)
        with FileLock.take(path):
            revision = max(saved.revision, last_revision(path, saved)) + 1
            return _replace(backup, path, Head(mint_epoch(rng or SystemRandom()), revision))
    except OSError as error:
        raise StoreRefused(backup, "cannot be restored", advice(error)) from error


def check_backup(backup: Path) -> Head:
    """A finished backup is one sound file without a log beside it."""
    if wal_path(backup).exists():
        raise StoreRefused(
            backup, "is not a finished backup", "it has a write-ahead log; take it with muster backup"
        )
    try:
        return check(backup)
    except StoreRefused as refused:
        raise StoreRefused(backup, refused.reason, "use another backup") from refused


def last_revision(path: Path, saved: Head) -> int:
    """How far the present file came; if it cannot tell, farther than it can have."""
    if not path.exists():
        return saved.revision
    try:
        head = check(path)
        connect(path).close()  # folds the log into the file, so that it can be kept as one
    except (StoreRefused, sqlite3.Error):
        return saved.revision + UNREADABLE_LEAP
    return head.revision


def _replace(backup: Path, path: Path, head: Head) -> Restored:
    with draft(path, overwrite=True) as new:
        shutil.copyfile(backup, new)
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            begin_history(connection, head)
        aside = keep_aside(path)
    return Restored(path, head.epoch, head.revision, aside)


def keep_aside(path: Path) -> Path | None:
    """Give the present file a second name, under which it stays when its own is taken over. A log that is left goes with it."""
    if not path.exists():
        return None
    aside = next(name for n in count(1) if not (name := path.with_name(f"{path.name}.replaced-{n}")).exists())
    if wal_path(path).exists():
        wal_path(path).rename(wal_path(aside))
    os.link(path, aside)
    return aside
