"""Everything that can happen to a wrapped program, and the one queue in which it happens."""

from __future__ import annotations

import queue
import time
from typing import NamedTuple


class StopAsked(NamedTuple):
    """TERM, INT or QUIT: leave in good order, then hand the signal on. `group`: a terminal sent it, to everybody there."""

    signum: int
    group: bool = False


class PassOn(NamedTuple):
    """A signal that means something to the program alone."""

    signum: int
    group: bool = False


class Pause(NamedTuple):
    """^Z at the terminal."""


class Exited(NamedTuple):
    """The program is over. `code` is its exit code, or minus the signal that ended it."""

    code: int


class PortAnswers(NamedTuple):
    pass


class DrainEnded(NamedTuple):
    """`line` is one for people: who knows, or why nobody could be told."""

    line: str


Event = StopAsked | PassOn | Pause | Exited | PortAnswers | DrainEnded


class Events:
    """Written by any thread, read by one. Times are of `time.monotonic`."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        self._queue.put(event)

    def next(self, deadline: float | None = None) -> Event | None:
        """The next event; None when `deadline` has passed first."""
        try:
            return self._queue.get(
                timeout=None if deadline is None else max(0.0, deadline - time.monotonic())
            )
        except queue.Empty:
            return None
