"""What a calling process writes down, a line of JSON each, and what tests make of it.

Times are of the monotonic clock, which all processes of a machine share, network namespaces or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

OK: Final = "200"


class Ready(Struct, frozen=True, tag="ready", tag_field="what"):
    """`by` begins to call."""

    at: float
    by: str


class Picked(Struct, frozen=True, tag="picked", tag_field="what"):
    """The instance `to` was chosen for an attempt."""

    at: float
    by: str
    to: str


class Called(Struct, frozen=True, tag="called", tag_field="what"):
    """A call that began at `at` was over after `took` s. `to`: who answered, empty if nobody did. `said`: the status of the
    answer, or the exception that there was instead."""

    at: float
    took: float
    by: str
    to: str
    said: str
    method: str = "GET"

    @property
    def over(self) -> float:
        return self.at + self.took


class Viewed(Struct, frozen=True, tag="viewed", tag_field="what"):
    """What `by` knew: the instances, by which history and revision, and for how long (s) no registry has vouched for it."""

    at: float
    by: str
    epoch: str
    revision: int
    age: float
    instances: tuple[str, ...]
    unconfirmed: tuple[str, ...] = ()


Note = Ready | Picked | Called | Viewed


def failed(notes: Iterable[Note], method: str | None = None) -> list[Called]:
    """The calls that were no success for whoever made them."""
    calls = (note for note in notes if isinstance(note, Called) and method in (None, note.method))
    return [call for call in calls if call.said != OK]


def shares(notes: Iterable[Note]) -> dict[str, float]:
    """Instance -> its part of the calls that were answered."""
    answered = Counter(note.to for note in notes if isinstance(note, Called) and note.to)
    return {to: count / answered.total() for to, count in answered.items()}


def last_picked(notes: Iterable[Note], to: str) -> dict[str, float]:
    """Caller -> when it last chose this instance."""
    return {note.by: note.at for note in notes if isinstance(note, Picked) and note.to == to}


def views(notes: Iterable[Note]) -> dict[str, Viewed]:
    """The last of each caller."""
    return {note.by: note for note in notes if isinstance(note, Viewed)}


encode = msgspec.json.encode
decode = msgspec.json.Decoder(Note).decode
