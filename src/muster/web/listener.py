"""What all connections of one server share: the routes, the rules, the memo, and the coarse clock.

The clock ticks once a second: it dates answers, lets a look-up's bytes be reused within the second, and ends connections that
are idle or that take too long over one request.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.web import inflate
from muster.web.access import Gate
from muster.web.known import Known
from muster.web.memo import Memo
from muster.web.message import NO_CONTENT, Headers, Request, Response, encode
from muster.web.pulse import Pulse
from muster.web.router import Match, Router
from muster.web.stream import Stream

log = logging.getLogger("muster.http")


class Guest(Protocol):
    """A connection, as far as the listener cares. `peer` is `address:port`."""

    peer: str

    def overdue(self, now: float) -> bool:
        """Whether it keeps us waiting for too long; `now` is the listener's `seconds`."""

    def cut(self) -> None:
        """End it, without waiting until the other side has taken what is left: it may never do so."""


class Listener:
    """One per server. `connections` is how many it accepts at once; `disconnected` is told the peer of each one that ended. For
    the metrics, `refused` counts refusals by code and `lookups` the answers that could be known by heart."""

    router: Router

    def __init__(
        self,
        gate: Gate,
        *,
        connections: int = limits.CONNECTIONS,
        disconnected: Callable[[str], None] = lambda peer: None,
    ) -> None:
        self.gate = gate
        self.memo = Memo()
        self.pulse: Pulse[Stream] = Pulse(asyncio.get_running_loop())
        self.refused: dict[str, int] = {}
        self.lookups = 0
        self.stopping = False
        self.seconds = 1.0
        self.date = self.no_content = b""
        self._loop = asyncio.get_running_loop()
        self._connections: set[Guest] = set()
        self._lost: deque[Stream] = deque()
        self._unseen: list[Guest] = []
        self._most = connections
        self._disconnected = disconnected
        self._timer: asyncio.TimerHandle | None = None
        self._tick()

    def __len__(self) -> int:
        return len(self._connections)

    # --- Connections ------------------------------------------------------------------------------------------------

    def admit(self, connection: Guest) -> bool:
        self._connections.add(connection)
        return len(self._connections) <= self._most

    def forget(self, connection: Guest) -> None:
        self._connections.discard(connection)
        self._disconnected(connection.peer)

    def _tick(self) -> None:
        self.seconds += 1.0
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        self.no_content = encode(NO_CONTENT, self.date)
        self._look_at_some()
        self._timer = self._loop.call_later(1.0, self._tick)

    def _look_at_some(self) -> None:
        """End connections that keep us waiting. All have been looked at after `SWEEP_TICKS`, a few at once."""
        if not self._unseen:
            self._unseen = list(self._connections)
        share = max(limits.SWEEP_AT_LEAST, 1 + len(self._connections) // limits.SWEEP_TICKS)
        some, self._unseen = self._unseen[:share], self._unseen[share:]
        for connection in some:
            if connection in self._connections and connection.overdue(self.seconds):
                connection.cut()

    # --- Requests ---------------------------------------------------------------------------------------------------

    def ask(self, request: Request, match: Match, *, can_stream: bool) -> Response | Known | Stream | None:
        """What the hot handler says, a failure as its dialect says it; None if it has to wait."""
        assert match.route.hot is not None
        try:
            self.judge(request, match)
            answer: Response | Known | Stream | None = match.route.hot(request)
            if isinstance(answer, Stream) and not can_stream:
                raise Rejected("invalid_request", "a stream is asked for with GET, over HTTP/1.1")
        except Exception as error:  # noqa: BLE001 - a bug is told, and logged
            return self.failed(error, f"{request.method} {request.path}", request.path, request.headers)
        return answer

    def judge(self, request: Request, match: Match) -> None:
        """Whether it may ask for that, and its body as it was meant. Raises `Rejected`."""
        self.gate.check(request, match.dialect, guarded=match.route.guarded)
        if request.body:
            request.body = inflate.plain(request, match.route.body_limit)

    def failed(self, error: Exception, asked: str, raw_path: str, headers: Headers) -> Response:
        """The answer to a request that failed, in the dialect of its path. `asked` says which it was, for the log."""
        if not isinstance(error, Rejected | Unavailable):
            log.error("bug while answering %s", asked, exc_info=error)
            error = Rejected("internal_error", "see the registry's log")
        self.refused[error.code] = self.refused.get(error.code, 0) + 1
        return self.router.dialect(raw_path).refusal(error, headers)

    # --- Streams ----------------------------------------------------------------------------------------------------

    def streams(self) -> list[Stream]:
        return self.pulse.streams()

    def lost(self, stream: Stream) -> None:
        """The connection of `stream` is gone. A zone that dies loses thousands at once: a few are dealt with in a turn."""
        stream.gone()
        self._lost.append(stream)
        if len(self._lost) == 1:
            self._loop.call_soon(self._close_some)

    def _close_some(self) -> None:
        for _ in range(min(len(self._lost), limits.STREAMS_CLOSED_PER_TURN)):
            self._lost.popleft().lost()
        if self._lost:
            self._loop.call_soon(self._close_some)

    async def go_away(self, reason: str) -> None:
        """Tell every stream to go elsewhere, a slice at a time, and end it."""
        self.stopping = True
        await asyncio.sleep(0)  # Who waits is answered first.
        for number, stream in enumerate(self.streams(), 1):
            stream.go_away(reason)
            if number % limits.READERS_PER_TURN == 0:
                await asyncio.sleep(0)

    def close(self) -> None:
        self.pulse.stop()
        if self._timer is not None:
            self._timer.cancel()
