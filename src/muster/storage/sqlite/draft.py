"""A file that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft(destination: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty private file (0600) beside `destination`. When the block ends well it is made durable and takes that name;
    otherwise nothing is left. Raises `FileExistsError` if the name is taken and may not be overwritten."""
    if not overwrite:
        _check_free(destination)
    descriptor, name = tempfile.mkstemp(
        prefix=f".{destination.name}.", suffix=".draft", dir=destination.parent
    )
    os.close(descriptor)
    path = Path(name)
    try:
        yield path
        sync(path)
        if overwrite:
            path.replace(destination)
        else:
            os.link(path, destination)  # unlike a rename, this fails if somebody took the name meanwhile
        sync(destination.parent)
    finally:
        path.unlink(missing_ok=True)


def _check_free(destination: Path) -> None:
    if os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))


def sync(path: Path) -> None:
    """Make a file's content, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
