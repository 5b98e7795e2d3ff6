"""The processes of one server that share a host and port, and the one registry entry they have between them.

Workers are alike and start together; none of them was made the first. So a file decides, by locks that the kernel takes
back from whoever dies, and that a fork does not hand on (POSIX record locks, fcntl(2)):

    LEADER     held by the one whose registrar speaks for all
    PRESENT    shared by all who go on serving; who is about to stop lets go of it
    FOUNDING   held for a moment by who joins, so that only one of them finds itself alone

Whoever joins while nobody is present founds the crew anew, with another incarnation: it is another start of the server.
Whoever takes over the lead keeps the incarnation, so that the registry sees no change.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

LEADER, PRESENT, FOUNDING = range(3)
_INCARNATION_BYTES: Final = 32
_ON, _OVER = b"+", b"-"
"""What stands behind the incarnation: it goes on, or the crew has left the registry for good."""


class Crew:
    """This process, as one of a crew. `file`: a descriptor of the file they share, which is closed with it."""

    def __init__(self, file: int, name: str) -> None:
        self._file: int | None = file
        self._name = name
        self._present = False
        self.incarnation = ""
        self.leads = False

    @classmethod
    def meeting(cls, directory: Path, *key: str) -> Self:
        """With all who meet there under the same key. Raises OSError where it cannot be written, or is not ours alone."""
        name = hashlib.blake2b("\0".join(key).encode(), digest_size=8).hexdigest()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return cls(os.open(_own(directory) / f"{name}.crew", flags, 0o600), name)

    @classmethod
    def alone(cls) -> Self:
        """With nobody, where nobody can meet."""
        return cls(os.memfd_create("crew", os.MFD_CLOEXEC), "alone")

    def __repr__(self) -> str:
        return f"<Crew {self._name} {'leads' if self.leads else 'stands by'}>"

    def join(self) -> None:
        """Be one of those who go on."""
        with self._founding():
            if not self.others():
                self._write(uuid.uuid4().hex.encode() + _ON)
            self.incarnation = self._read()[:_INCARNATION_BYTES].decode()
            self._lock(PRESENT, fcntl.LOCK_SH)
            self._present = True

    def lead(self) -> bool:
        """Whether this process leads; it does from now on if nobody else did."""
        self.leads = self.leads or self._try(LEADER)
        return self.leads

    def others(self) -> bool:
        """Whether anybody else goes on."""
        alone = self._try(PRESENT)
        if alone:
            self._lock(PRESENT, fcntl.LOCK_SH if self._present else fcntl.LOCK_UN)
        return not alone

    def retire(self) -> None:
        """Be about to stop."""
        self._lock(PRESENT, fcntl.LOCK_UN)
        self._present = False

    def finish(self) -> None:
        """The leader's last word: the crew is gone from the registry."""
        self._write(self.incarnation.encode() + _OVER)

    @property
    def finished(self) -> bool:
        """Whether the crew that this process joined is gone: it said so, or another one has begun."""
        return self._read() != self.incarnation.encode() + _ON

    def close(self) -> None:
        """Let go of everything; somebody else may lead."""
        if self._file is not None:
            os.close(self._file)
        self._file, self.leads = None, False

    @contextlib.contextmanager
    def _founding(self) -> Iterator[None]:
        self._lock(FOUNDING, fcntl.LOCK_EX)
        try:
            yield
        finally:
            self._lock(FOUNDING, fcntl.LOCK_UN)

    def _try(self, byte: int) -> bool:
        try:
            self._lock(byte, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EAGAIN, or EACCES on some systems
            return False
        return True

    def _lock(self, byte: int, how: int) -> None:
        assert self._file is not None, "closed"
        fcntl.lockf(self._file, how, 1, byte)

    def _read(self) -> bytes:
        assert self._file is not None, "closed"
        return os.pread(self._file, _INCARNATION_BYTES + 1, 0)

    def _write(self, content: bytes) -> None:
        assert self._file is not None, "closed"
        os.pwrite(self._file, content, 0)


def directory(environ: Mapping[str, str]) -> Path:
    """Where the files of this user's crews are: gone with the machine's start, like the crews. Raises OSError."""
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "muster"
    return Path(tempfile.gettempdir()) / f"muster-{os.getuid()}"


def _own(directory: Path) -> Path:
    """A directory that nobody else can put files, or links, into. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat(follow_symlinks=False)
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory} can be written to by others: remove it, or set XDG_RUNTIME_DIR")
    return directory
