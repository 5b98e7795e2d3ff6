"""A file that is replaced whole, and only when its content changes: whoever reads it sees the old one or the new one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def holds(file: Path, text: str) -> bool:
    """Whether there is nothing to write. Raises OSError, also for what is no file: a device or a pipe that stands there is neither
    replaced nor read."""
    try:
        now = file.stat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(now.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(now.st_mode):
        raise OSError(errno.EINVAL, "is no file")
    content = text.encode()
    return now.st_size == len(content) and file.read_bytes() == content


def replace(file: Path, text: str) -> None:
    """A link stays, what it leads to is replaced; mode and owner stay. Raises OSError, and leaves the old file then."""
    file, content = Path(os.path.realpath(file)), text.encode()
    descriptor, written = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            _like(file, opened.fileno())
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        Path(written).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(written).unlink()
        raise
    _sync(file.parent)


def _like(file: Path, descriptor: int) -> None:
    """Mode and owner of the file that is there; those of any new file, if there is none."""
    try:
        now = file.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o666 & ~_umask())
        return
    os.fchmod(descriptor, now.st_mode & 0o7777)
    if (now.st_uid, now.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(PermissionError):
            os.fchown(descriptor, now.st_uid, now.st_gid)


def _umask() -> int:
    """It can only be read by setting it; a moment during which this process makes no other file."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _sync(directory: Path) -> None:
    """As far as it goes: the file is in its place by now, and whoever reads it has to be told."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
