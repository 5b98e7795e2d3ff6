"""Everything the processes of the demo said, in the order in which it arrived, and waiting for one of them to say something."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct


class Line(Struct, frozen=True):
    """`at` in monotonic seconds. What is no event of ours has the event `said`, and the `text`."""

    who: str
    at: float
    event: str
    told: dict[str, Any]


class Missing(Exception):
    """Something that must happen did not, in time."""


class Journal:
    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._news = threading.Condition()

    def add(self, who: str, raw: bytes) -> None:
        line = read(who, raw)
        with self._news:
            self._lines.append(line)
            self._news.notify_all()

    def lines(self, event: str) -> Iterator[Line]:
        """Those of one kind, so far."""
        with self._news:
            known = self._lines[:]
        return (line for line in known if line.event == event)

    def last_words(self, who: str, count: int = 12) -> list[str]:
        """What a process wrote that is no event: its log, or a traceback."""
        return [line.told["text"] for line in self.lines("said") if line.who == who][-count:]

    def wait(self, what: str, matches: Callable[[Line], bool], within: float) -> Line:
        """The first line that matches, from the beginning of the demo on. Raises `Missing`, naming `what`."""
        deadline, seen = time.monotonic() + within, 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if matches(line):
                        return line
                seen = len(self._lines)
                if not self._news.wait(max(0.0, deadline - time.monotonic())) and len(self._lines) == seen:
                    raise Missing(f"{what}: not within {within:g} s")


def read(who: str, raw: bytes) -> Line:
    try:
        match msgspec.json.decode(raw):
            case {"at": float(at), "event": str(event), **told}:
                return Line(who, at, event, told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return Line(who, time.monotonic(), "said", {"text": raw.decode(errors="replace").rstrip()})
