"""An answer worth knowing by heart: the same bytes for the same request, until what it tells of changes, or the second is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from muster.model import limits
from muster.web.message import Response, encode

if TYPE_CHECKING:
    from muster.web.listener import Listener


class Known:
    """`make` makes the answer; it stands while `stamp` returns the same, a second at most: its age and date are said in whole ones.

    Large answers are made each time, for copying them costs less than keeping them.
    """

    __slots__ = ("_bytes", "_listener", "_make", "_second", "_stamp", "_stamped")

    def __init__(self, listener: Listener, stamp: Callable[[], object], make: Callable[[], Response]) -> None:
        self._listener = listener
        self._stamp = stamp
        self._make = make
        self._stamped: object = None
        self._second = 0.0
        self._bytes = b""

    def answer(self) -> bytes:
        """The whole answer, for a connection that stays open."""
        listener = self._listener
        stamped = self._stamp()
        if self._second == listener.seconds and self._stamped == stamped:
            listener.lookups += 1
            return self._bytes
        made = encode(self.response(), listener.date)
        if len(made) <= limits.MEMO_ANSWER_BYTES:
            self._stamped, self._second, self._bytes = stamped, listener.seconds, made
        return made

    def response(self) -> Response:
        self._listener.lookups += 1
        return self._make()
