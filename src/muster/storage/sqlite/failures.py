"""What can go wrong with a file, and what the operator can do about it: one table."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

PRIMARY = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest byte (sqlite.org/rescode.html)."""

ADVICE: dict[int, str] = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space, writing then goes on by itself",
    sqlite3.SQLITE_IOERR: "the disk reports an I/O error: look at its quota, at its health and at the kernel's log",
    sqlite3.SQLITE_READONLY: "the file or its file system is read-only: make it writable, writing then goes on by itself",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check the permissions of its directory and the open-file limit",
    sqlite3.SQLITE_PERM: "the file may not be accessed: check its owner and permissions",
    sqlite3.SQLITE_BUSY: "another program has the file open: close it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: stop the registry and restore a backup (muster restore)",
    sqlite3.SQLITE_NOTADB: "the file is damaged: stop the registry and restore a backup (muster restore)",
    sqlite3.SQLITE_NOMEM: "out of memory",
}
"""Primary result code -> what it means here and what helps."""

ERRNO_ADVICE: dict[int, str] = {
    errno.ENOSPC: ADVICE[sqlite3.SQLITE_FULL],
    errno.EDQUOT: ADVICE[sqlite3.SQLITE_FULL],
    errno.EROFS: ADVICE[sqlite3.SQLITE_READONLY],
    errno.EIO: ADVICE[sqlite3.SQLITE_IOERR],
    errno.EACCES: ADVICE[sqlite3.SQLITE_PERM],
    errno.EPERM: ADVICE[sqlite3.SQLITE_PERM],
}

DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""What SQLite says of a file with the wrong content; SQLITE_ERROR is for tables that are not there."""

UNWRITTEN = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_READONLY}
"""A commit that fails so is not there: the mark that makes it one is the last thing written. A sync that fails leaves it open."""


class StoreRefused(Exception):
    """The file is not one to work with; it was left exactly as it was. The message names it and says what to do."""

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(f"{path} {reason}: {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __repr__(self) -> str:
        return f"<StoreRefused {self}>"


class BackupFailed(Exception):
    """There is no backup under the name asked for, or not a new one. The message says what to do."""


def primary_code(error: sqlite3.Error) -> int:
    """SQLITE_ERROR where the error does not come from the library."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY


def is_certain(error: sqlite3.Error) -> bool:
    """Whether a commit that failed so is certainly not on the disk."""
    return not UNWRITTEN.isdisjoint({primary_code(error), getattr(error, "sqlite_errorcode", None)})


def advice(error: sqlite3.Error | OSError) -> str:
    """What the error means and what helps, with the system's own words where the table has none better."""
    if isinstance(error, OSError):
        return ERRNO_ADVICE.get(error.errno or 0, error.strerror or str(error))
    known = ADVICE.get(primary_code(error))
    return f"{known} ({getattr(error, 'sqlite_errorname', 'SQLITE_ERROR')})" if known else str(error)
