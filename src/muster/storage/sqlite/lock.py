"""One process per file: a lock beside it that the kernel drops when its holder ends, however it ends.

SQLite's own locks would do for safety. This one is taken before the file is so much as looked at, covers the file while it is
restored, and can say who holds it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from muster.storage.sqlite.failures import StoreRefused, advice


class FileLock:
    """Held from `take` to `release`. The lock file stays: to remove it would let two holders lock two files of one name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open(path, "a+b", buffering=0, opener=_private)  # noqa: SIM115 - Path.open has no opener

    @classmethod
    def take(cls, database: Path) -> FileLock:
        """Lock the file. Raises `StoreRefused`, with the name of the process that has it."""
        try:
            lock = cls(lock_path(database))
        except OSError as error:
            raise StoreRefused(database, "cannot be locked", advice(error)) from error
        lock._lock(database)
        return lock

    def _lock(self, database: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self._holder()
            self._file.close()
            raise StoreRefused(
                database, f"is in use by {holder}", "stop that one first, or choose another --data directory"
            ) from error
        self._sign()

    def _sign(self) -> None:
        try:
            self._file.truncate(0)
            self._file.write(str(os.getpid()).encode())
        except OSError:
            pass  # the disk is full, and the lock holds without a name on it

    def _holder(self) -> str:
        self._file.seek(0)
        pid = self._file.read().decode("ascii", "replace")
        if not pid.isdigit():
            return "another process"
        try:
            return f"process {pid} ({Path('/proc', pid, 'comm').read_text(encoding='utf-8').strip()})"
        except OSError:
            return f"process {pid} (in another container, perhaps)"

    def release(self) -> None:
        """Idempotent."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_path(database: Path) -> Path:
    """Where the lock of a database is."""
    return database.with_name(database.name + ".lock")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
