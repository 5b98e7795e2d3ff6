"""The file on disk: made whole, checked before anything may change it, opened by one connection at a time.

SQLite repairs and folds up a file as soon as it is opened for writing. So whether the file is ours, of a schema we know, and
sound, is found out before that, through eyes that cannot write; a file that is refused stays as it is, byte for byte.

POSIX drops all locks of a process on a file when the process closes *any* descriptor of it (fcntl(2)). So nothing here may
touch the file while the writing connection lives; the order is lock, check, connect.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import SystemRandom

from muster.model import limits
from muster.storage.history import mint_epoch
from muster.storage.sqlite.draft import draft
from muster.storage.sqlite.failures import DAMAGE, StoreRefused, advice, primary_code
from muster.storage.sqlite.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    Head,
    Migration,
    begin_history,
    checksum,
    migrate,
    read_head,
    version_of,
)

FILE_NAME = "muster.db"
"""The database within a data directory."""

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
APPLICATION_ID_AT = slice(68, 72)
"""sqlite.org/fileformat.html section 1.3."""

RESTORE = "restore a backup (muster restore), or move the file away to start empty"

PRAGMAS = (
    # Keeps every other connection out, so the WAL-reset bug (SQLite before 3.51.3, needs two) cannot strike,
    # and keeps the index of the log in memory instead of in a shared file.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA wal_autocheckpoint = {limits.STORE_CHECKPOINT_PAGES}",
    "PRAGMA trusted_schema = OFF",
    f"PRAGMA journal_size_limit = {limits.STORE_WAL_BYTES}",
)

CACHED_STATEMENTS = 256
"""The database's statements, one of them in a version for each number of rows."""


def make_directory(path: Path) -> None:
    """For the owner alone, if it is not there yet."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(path, "cannot be made a data directory", advice(error)) from error


def prepare(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make sure that a sound file of ours is there. Raises `StoreRefused`, having touched nothing."""
    try:
        if path.exists():
            check(path, migrations)
        else:
            create(path, Head(mint_epoch(SystemRandom()), 0), migrations)
    except OSError as error:
        raise StoreRefused(path, "cannot be used", advice(error)) from error


def create(path: Path, head: Head, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """An empty store, complete from the moment its name appears."""
    if wal_path(path).exists():
        raise StoreRefused(
            path,
            "is missing, but its write-ahead log is there",
            f"put the file back, or remove {wal_path(path)}",
        )
    with (
        draft(path, overwrite=False) as new,
        closing(sqlite3.connect(new, isolation_level=None)) as connection,
    ):
        migrate(connection, migrations)
        begin_history(connection, head)


def check(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Head:
    """Read all of a file without changing a byte. Raises `StoreRefused` unless it is ours, known and sound."""
    check_header(path)
    try:
        with looking(path) as connection:
            check_version(path, version_of(connection), len(migrations))
            check_pages(path, connection)
            check_records(path, connection)
            head = read_head(connection)
            check_head(path, connection, head)
            return head
    except UnicodeDecodeError as error:  # in the name of a table, or in SQLite's complaint about one
        raise StoreRefused(path, f"is damaged ({error.reason})", RESTORE) from error
    except sqlite3.Error as error:
        if primary_code(error) in DAMAGE:
            raise StoreRefused(path, f"is damaged ({error})", RESTORE) from error
        raise StoreRefused(path, "cannot be read", advice(error)) from error


def check_header(path: Path) -> None:
    """The first bytes tell whose file it is, without SQLite."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if not header:
        raise StoreRefused(path, "is empty, which no store ever is", RESTORE)
    if not header.startswith(MAGIC):
        raise StoreRefused(path, "is not an SQLite database", RESTORE)
    if header[APPLICATION_ID_AT] != APPLICATION_ID.to_bytes(4, "big"):
        raise StoreRefused(
            path, "is the SQLite database of another program", "choose another --data directory"
        )


def check_version(path: Path, version: int, known: int) -> None:
    """An older schema is migrated; a newer one is for a newer program."""
    if version > known:
        raise StoreRefused(
            path, f"has schema {version}, this program knows {known}", "use the newer program that wrote it"
        )


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """The structure of the file."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreRefused(path, f"is damaged ({' '.join(verdict.split())})", RESTORE)


def check_records(path: Path, connection: sqlite3.Connection) -> None:
    """Every record says what was written."""
    connection.create_function("checksum", 4, checksum, deterministic=True)
    rotten = connection.execute(
        "SELECT quote(key) FROM records WHERE crc <> checksum(key, value, revision, op) LIMIT 1"
    ).fetchone()
    if rotten:
        raise StoreRefused(path, f"is damaged (record {rotten[0]})", RESTORE)


def check_head(path: Path, connection: sqlite3.Connection, head: Head) -> None:
    """No record is of a later time than the store."""
    (latest,) = connection.execute("SELECT coalesce(max(revision), 0) FROM records").fetchone()
    if latest > head.revision:
        raise StoreRefused(
            path, f"is damaged (at revision {head.revision}, with a record of {latest})", RESTORE
        )


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that leaves the file and its log alone, also when it closes."""
    # A reader of a log would write an index of it to the disk, which may be full, unless it is exclusive; to be that without
    # write access it must take no locks (sqlite.org/vfs.html section 2.1). Ours is held.
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&vfs=unix-none", uri=True)
    ) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        yield connection


def connect(path: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """The connection that writes. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        factory=kind,
        isolation_level=None,  # transactions begin where we say so
        timeout=0,
        check_same_thread=False,  # opened by one thread, then handed to the writer's
        cached_statements=CACHED_STATEMENTS,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def live_names(path: Path) -> set[Path]:
    """All that belongs to a live database."""
    return {path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal", ".lock")}


def wal_path(path: Path) -> Path:
    """SQLite's write-ahead log of a database."""
    return path.with_name(path.name + "-wal")
