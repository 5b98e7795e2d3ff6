"""The tables, and how a file of an older schema becomes one of today's.

SQLite keeps two numbers for us in the file's header: `application_id` says that the file is Muster's, `user_version` says how
many of the migrations below it has been through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from zlib import crc32

from msgspec import Struct

APPLICATION_ID = 0x4D555354
"""`MUST`, at offset 68 of the file (sqlite.org/fileformat.html)."""

Migration = tuple[str, ...]

MIGRATIONS: tuple[Migration, ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # SQLite does not checksum its pages; `crc` tells a record that rotted on disk from one that was written.
        """CREATE TABLE records (
            key      TEXT    NOT NULL PRIMARY KEY,
            value    BLOB    NOT NULL,
            revision INTEGER NOT NULL,
            op       TEXT    NOT NULL,
            crc      INTEGER NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE head (
            only     INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
            epoch    TEXT    NOT NULL,
            revision INTEGER NOT NULL
        )""",
    ),
)
"""Version n of the schema is what the first n of these make. Append; never change one that was released."""


class Head(Struct, frozen=True):
    """Which history the file holds, and its last revision."""

    epoch: str
    revision: int


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the schema up to date, one transaction per version. `sqlite3.Error` leaves the file at the last one reached."""
    for version, statements in enumerate(migrations, start=1):
        if version > version_of(connection):
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations the file has been through."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def read_head(connection: sqlite3.Connection) -> Head:
    """Raises `sqlite3.DatabaseError` if the row is missing."""
    row = connection.execute("SELECT epoch, revision FROM head").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it holds no history")
    return Head(*row)


def begin_history(connection: sqlite3.Connection, head: Head) -> None:
    """The records are a new history's from here on."""
    connection.execute(
        "INSERT OR REPLACE INTO head (only, epoch, revision) VALUES (1, ?, ?)", (head.epoch, head.revision)
    )


def checksum(key: str, value: bytes, revision: int, op: str) -> int:
    """CRC-32 over everything a record says."""
    return crc32(value, crc32(f"{key}\0{revision}\0{op}\0".encode()))
