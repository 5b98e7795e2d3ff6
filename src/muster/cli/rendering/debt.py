"""The command that is owed: the file has changed, and the program that reads it has not been told.

A mark beside the file says so, from before the file changes until the command has succeeded. Whoever keeps the file after us, because
we were ended or killed meanwhile, finds the file as it should be, and by the mark that nobody was told.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Debt:
    """Of whoever keeps `file`. Known to us too: a mark that somebody else has cleared away is not forgotten."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.owed = _is_there(self._mark)

    def __repr__(self) -> str:
        return f"<Debt {self._file}{' owed' if self.owed else ''}>"

    def incur(self) -> None:
        """Before the file changes: a command that is run once too often does no harm. Raises OSError."""
        self._mark.touch()
        self.owed = True

    def settle(self) -> None:
        """A mark that cannot be removed is a command too many after the next start, and nothing to run it again for now."""
        with suppress(OSError):
            self._mark.unlink(missing_ok=True)
        self.owed = False

    @property
    def _mark(self) -> Path:
        """Empty, so it fits on a disk that is full; hidden, so that no program takes it for a file of its own."""
        file = Path(os.path.realpath(self._file))
        return file.with_name(f".{file.name}.owed")


def _is_there(mark: Path) -> bool:
    try:
        mark.stat()
    except OSError:
        return False
    return True
