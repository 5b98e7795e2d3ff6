"""Records and transactions in SQL: everything that is done with the one connection, and what its failures mean.

A run of batches is read, planned in memory and written in a handful of statements however large it is: each time a statement
steps, the interpreter's lock is given up, and getting it back from a busy event loop costs far more than the step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from pathlib import Path

import msgspec

from muster.model import limits
from muster.registry.store import Batch, Changes, Loaded, Stored, StoreUnavailable
from muster.storage.plan import Plan, keys_of, plan
from muster.storage.sqlite.failures import BackupFailed, StoreRefused, advice, is_certain
from muster.storage.sqlite.file import connect, make_directory, prepare
from muster.storage.sqlite.lock import FileLock
from muster.storage.sqlite.schema import MIGRATIONS, Head, Migration, checksum, migrate, read_head

ROWS_PER_STATEMENT = 100
"""Five parameters each; SQLite allows 32,766."""

Row = tuple[str, bytes, int, str, int]


class InDoubt(Exception):
    """The disk failed in the middle of a commit: `Database.heal` will tell whether it is there."""


class Database:
    """The file, locked and connected. Not thread-safe: it belongs to whoever holds it.

    After a failure the connection is not trusted any more: everything is `StoreUnavailable` until `heal` has opened another.
    """

    def __init__(self, path: Path, lock: FileLock, connection: sqlite3.Connection) -> None:
        self.path = path
        self.head: Head = read_head(connection)
        self._lock = lock
        self._connection = connection
        self._identity = identity(path)
        self.syncing = False
        self._trouble: str | None = None
        self._doubt: Plan | None = None

    def __repr__(self) -> str:
        return f"<Database {self.path} {self.head.epoch} at {self.head.revision}>"

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        kind: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> Database:
        """Make, check, migrate and connect. Raises `StoreRefused`."""
        make_directory(path.parent)
        try:
            with ExitStack() as undo:
                lock = undo.enter_context(FileLock.take(path))
                prepare(path, migrations)
                connection = undo.enter_context(closing(connect(path, kind)))
                migrate(connection, migrations)
                database = cls(path, lock, connection)
                undo.pop_all()
                return database
        except sqlite3.Error as error:
            raise StoreRefused(path, "cannot be opened", advice(error)) from error

    def close(self) -> None:
        """Folds the log into the file; if there is no room for that, the next opening does it."""
        self._connection.close()
        self._lock.release()

    # --- reading ---

    def load(self) -> Loaded:
        """Raises `StoreUnavailable`."""
        self._check_usable()
        try:
            rows = self._connection.execute("SELECT key, value, revision, op FROM records").fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return Loaded([Stored(*row) for row in rows], self.head.revision, self.head.epoch)

    def _revisions(self, keys: set[str]) -> Mapping[str, int]:
        (found,) = self._connection.execute(
            "SELECT json_group_object(key, revision) FROM records WHERE key IN (SELECT value FROM json_each(?))",
            (_json(keys),),
        ).fetchone()
        return msgspec.json.decode(found, type=dict[str, int])

    # --- writing ---

    def transact(self, batches: Sequence[Batch]) -> Plan:
        """Decide the batches and make all that can be committed durable, with one sync of the disk.

        Raises `StoreUnavailable` if certainly none of it is written, `InDoubt` if that cannot be told.
        """
        self._check_usable()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            planned = plan(batches, self._revisions(keys_of(batches)), self.head.revision)
            self._write(planned)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except Exception as bug:
            self._trouble = f"{self.path}: a bug in the registry ({bug!r})"
            raise
        self._commit(planned)
        return planned

    def _write(self, planned: Plan) -> None:
        execute = self._connection.execute
        rows = [_row(record) for record in planned.records.values() if record]
        removed = {key for key, record in planned.records.items() if record is None}
        for start in range(0, len(rows), ROWS_PER_STATEMENT):
            some = rows[start : start + ROWS_PER_STATEMENT]
            execute(_put(len(some)), [column for row in some for column in row])
        if removed:
            execute("DELETE FROM records WHERE key IN (SELECT value FROM json_each(?))", (_json(removed),))
        if planned.changes:
            execute("UPDATE head SET revision = ?", (planned.revision,))

    def _commit(self, planned: Plan) -> None:
        try:
            self.syncing = True
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            unavailable = self._failed(error)
            self._doubt = planned
            if is_certain(error):
                raise unavailable from error
            raise InDoubt(str(unavailable)) from error
        finally:
            self.syncing = False
        self.head = Head(self.head.epoch, planned.revision)

    # --- failing and healing ---

    def _check_usable(self) -> None:
        if self._trouble is None and identity(self.path) != self._identity:
            self._trouble = f"{self.path} was moved, deleted or replaced while in use: put it back, or restart the registry"
        if self._trouble is not None:
            raise StoreUnavailable(self._trouble)

    def _failed(self, error: sqlite3.Error) -> StoreUnavailable:
        self._trouble = f"{self.path}: {advice(error)}"
        return StoreUnavailable(self._trouble)

    def heal(self) -> tuple[Changes, ...]:
        """After a failure, open the file again: only the disk knows what is on it. Returns what is committed after all.

        Does not raise: if it cannot be opened yet, the trouble goes on.
        """
        if self._trouble is None:
            return ()
        self._connection.close()
        try:
            return self._reopen()
        except sqlite3.Error as error:
            self._failed(error)
        return ()

    def _reopen(self) -> tuple[Changes, ...]:
        if identity(self.path) != self._identity:
            return ()
        self._connection = connect(self.path, type(self._connection))
        self.head = read_head(self._connection)
        doubt, self._doubt, self._trouble = self._doubt, None, None
        return doubt.changes if doubt and doubt.revision == self.head.revision else ()

    # --- copying ---

    def copy_to(self, destination: Path, between: Callable[[], None]) -> None:
        """Copy the live database, page by page; `between` is called after each step and may transact.

        The copy is of the moment of its last step. Raises `sqlite3.Error`, or `BackupFailed` if this database is in trouble.
        """

        def step(_status: int, _remaining: int, _total: int) -> None:
            between()
            self._check_source()

        self._check_source()
        with closing(sqlite3.connect(destination, isolation_level=None)) as copy:
            copy.execute(
                "PRAGMA synchronous = OFF"
            )  # whoever asked for it syncs it, on a thread of their own
            self._connection.backup(copy, pages=limits.BACKUP_STEP_PAGES, progress=step)

    def _check_source(self) -> None:
        if self._trouble is not None:
            raise BackupFailed(f"the store cannot be read: {self._trouble}")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file goes by this name; None if none does. Opens nothing (see `file.py` on POSIX locks)."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _row(record: Stored) -> Row:
    crc = checksum(record.key, record.value, record.revision, record.op)
    return record.key, record.value, record.revision, record.op, crc


@lru_cache(maxsize=ROWS_PER_STATEMENT)
def _put(rows: int) -> str:
    return f"INSERT OR REPLACE INTO records (key, value, revision, op, crc) VALUES {', '.join(['(?, ?, ?, ?, ?)'] * rows)}"  # noqa: S608


def _json(keys: set[str]) -> str:
    return msgspec.json.encode(keys).decode()
