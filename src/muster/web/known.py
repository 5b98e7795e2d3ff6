"""An answer worth knowing by heart: the same bytes for the same request, until what it tells of changes, or the second is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from muster.model import limits
from muster.web.message import Response, encode


class Host(Protocol):
    """Of the listener: its coarse clock (`seconds`, and `date` as a ready header line), and its count of look-ups."""

    seconds: float
    date: bytes
    lookups: int


class Known:
    """`make` makes the answer; it stands while `stamp` returns the same, a second at most: its age and date are said in whole ones.

    Large answers are made each time, for copying them costs less than keeping them.
    """

    __slots__ = ("_bytes", "_host", "_make", "_second", "_stamp", "_stamped")

    def __init__(self, host: Host, stamp: Callable[[], object], make: Callable[[], Response]) -> None:
        self._host = host
        self._stamp = stamp
        self._make = make
        self._stamped: object = None
        self._second = 0.0
        self._bytes = b""

    def answer(self) -> bytes:
        """The whole answer, for a connection that stays open."""
        host = self._host
        stamped = self._stamp()
        if self._second == host.seconds and self._stamped == stamped:
            host.lookups += 1
            return self._bytes
        made = encode(self.response(), host.date)
        if len(made) <= limits.MEMO_ANSWER_BYTES:
            self._stamped, self._second, self._bytes = stamped, host.seconds, made
        return made

    def response(self) -> Response:
        self._host.lookups += 1
        return self._make()
