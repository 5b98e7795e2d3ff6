"""Text that came from elsewhere, made safe to show.

Whoever may register an instance chooses its names and metadata, and a terminal obeys escape sequences: so nothing reaches the
screen but printable characters. Unlike the registry's own check this one also covers invisible ones (zero width, text
direction), and output of registries that are older, newer or not ours.
"""

from __future__ import annotations

import codecs
import io
from typing import Final, TextIO

ESCAPED: Final = "muster.escaped"
"""The error handler of streams that `speakable` has seen."""


def shown(text: str) -> str:
    """`text` on one line, every unprintable character as its escape (`\\x1b`, `\\u202e`)."""
    return text if text.isprintable() else "".join(map(_visible, text))


def json_shown(text: str) -> str:
    """JSON text with every unprintable character as a JSON escape: it still means the same."""
    return "\n".join(
        line if line.isprintable() else "".join(map(_json_escape, line)) for line in text.split("\n")
    )


def speakable(stream: TextIO) -> None:
    """Let `stream` take every text: what its encoding lacks (Latin-1, ASCII) is written as JSON escapes, in JSON and elsewhere."""
    codecs.register_error(ESCAPED, _escape_rest)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ESCAPED)


def _escape_rest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_json_units, error.object[error.start : error.end])), error.end


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _json_escape(char: str) -> str:
    return char if char.isprintable() else _json_units(char)


def _json_units(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
