"""Write tokens from a file, one a line, read again when it changes. Empty lines and `#` comments are skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from muster.model import limits
from muster.server.config import BadConfig


class Tokens:
    """`known()` is what the gate compares with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._tokens: Sequence[bytes] = ()
        problem = self.refresh()
        if problem:
            raise BadConfig("tokens_file", str(path), problem)

    def known(self) -> Sequence[bytes]:
        return self._tokens

    def refresh(self) -> str | None:
        """None: nothing changed. "": the new tokens are in force. Else why they are not; the old ones stay."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return None
            tokens = _parse(self._path.read_text())
        except (OSError, ValueError) as error:
            return str(error)
        self._stamp, self._tokens = stamp, tokens
        return ""


def _parse(text: str) -> Sequence[bytes]:
    tokens = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not tokens:
        raise ValueError("holds no token: nobody could write")
    if len(tokens) > limits.TOKENS:
        raise ValueError(f"holds {len(tokens)} tokens, at most {limits.TOKENS} are used")
    for number, token in enumerate(tokens, 1):
        if len(token) < limits.TOKEN_MIN_CHARS:
            raise ValueError(
                f"token {number} is shorter than {limits.TOKEN_MIN_CHARS} characters: it can be guessed"
            )
        if not token.isascii() or " " in token:
            raise ValueError(f"token {number} holds a space or is not ASCII")
    return [token.encode() for token in tokens]
