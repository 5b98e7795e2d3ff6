"""All records of a file that nobody serves, and a file made of all records: how stores of another kind are saved and restored."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from muster.registry.store import Loaded, Stored

from .backup import seal
from .draft import draft
from .failures import BackupFailed, StoreRefused, advice
from .file import check, connect, looking, wal_path
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
        raise BackupFailed(f"{path} exists: choose another name, or say --replace") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{path} cannot be written: {advice(error)}") from error


def put(path: Path, loaded: Loaded, *, replace: bool) -> None:
    """As `write`; in the place of a database only if no registry runs on it. Blocks. Raises `BackupFailed`, `StoreRefused`."""
    if not (replace and path.exists()):
        return write(path, loaded, overwrite=replace)
    with FileLock.take(path):
        with suppress(StoreRefused, sqlite3.Error):
            connect(
                path
            ).close()  # folds the log into the file, which stays whole until the other takes its name
        wal_path(path).unlink(missing_ok=True)  # or it would be taken for the other's
        return write(path, loaded, overwrite=True)


def _row(stored: Stored) -> tuple[str, bytes, int, str]:
    return stored.key, stored.value, stored.revision, stored.op
