"""What is followed, whichever it is: a source and what it lists. How one is named: `url.py`."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
from msgspec import Struct

from muster.model import limits, names
from muster.model.instance import Instance

ORIGIN: Final = "muster-origin"
"""Metadata of a copy: where it is from. Never followed again."""


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding something else than was asked for can raise."""


class Listing(Struct, frozen=True):
    """Those that may be called now, by the id they have here. `skipped`: what cannot be kept here, with the reason."""

    instances: dict[str, Instance]
    skipped: tuple[str, ...] = ()


class Source(Protocol):
    """`origin` is its URL without a password."""

    origin: str

    def read(self) -> Listing:
        """Raises `Away`."""
        ...

    def epoch(self) -> str:
        """Of the history it serves, if it is a registry of ours; "" if it is not, or does not say."""
        ...


def reason(who: str, error: Exception) -> str:
    """Why an instance is skipped, no longer than anybody reads."""
    most = limits.FOLLOW_REASON_CHARS
    return f"{names.printable(who, most)}: {names.printable(str(error), most)}"
