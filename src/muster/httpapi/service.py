"""What all connections of one server share: the registry, the rules, the answers known by heart, and the coarse clock.

The clock ticks once a second: it dates answers, lets a look-up's bytes be reused within the second, and ends connections that
are idle or that take too long over one request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from email.utils import formatdate
from typing import TYPE_CHECKING

from muster.httpapi.access import Gate
from muster.httpapi.message import Headers
from muster.httpapi.pulse import Pulse
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.registry import Registry

if TYPE_CHECKING:
    from muster.httpapi.lookup import Lookup
    from muster.httpapi.protocol import MusterProtocol
    from muster.httpapi.router import Router
    from muster.httpapi.stream import Stream


class Service:
    """One per server. `refused` counts refusals by code, for the metrics; `connections` is how many it accepts at once."""

    router: Router

    def __init__(self, registry: Registry, gate: Gate, *, connections: int = limits.CONNECTIONS) -> None:
        self.registry = registry
        self.gate = gate
        self.memo: dict[bytes, Lookup] = {}
        self.heads: dict[bytes, Headers] = {}
        self.pulse: Pulse[Stream] = Pulse(asyncio.get_running_loop())
        self.refused: dict[str, int] = {}
        self.lookups = 0
        self.stopping = False
        self.seconds = 1.0
        self.date = b""
        self._loop = asyncio.get_running_loop()
        self._connections: set[MusterProtocol] = set()
        self._lost: deque[Stream] = deque()
        self._unseen: list[MusterProtocol] = []
        self._most = connections
        self._subscribers = 0
        self._timer: asyncio.TimerHandle | None = None
        registry.on_reset(self._reset)
        self._tick()

    def __len__(self) -> int:
        return len(self._connections)

    # --- Connections ------------------------------------------------------------------------------------------------

    def admit(self, connection: MusterProtocol) -> bool:
        self._connections.add(connection)
        return len(self._connections) <= self._most

    def forget(self, connection: MusterProtocol) -> None:
        self._connections.discard(connection)
        self.registry.subscribers.disconnected(connection.peer)

    def _tick(self) -> None:
        self.seconds += 1.0
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
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
                # Not `close`, which waits until the other side has taken what is left: it may never do so.
                connection.transport.abort()

    # --- Look-ups ---------------------------------------------------------------------------------------------------

    def remember(self, head: bytes, lookup: Lookup) -> None:
        if len(head) > limits.MEMO_HEAD_BYTES:
            return
        if len(self.memo) >= limits.MEMO_REQUESTS:
            self.memo.clear()
        self.memo[head] = lookup

    def remember_head(self, head: bytes, headers: Headers) -> None:
        """The header lines of `head`, a whole one without a body, mean `headers`."""
        _, _, lines = head.partition(b"\r\n")
        if len(lines) > limits.MEMO_HEAD_BYTES:
            return
        if len(self.heads) >= limits.MEMO_REQUESTS:
            self.heads.clear()
        self.heads[lines] = tuple(headers)

    def count_refusal(self, error: Rejected | Unavailable) -> None:
        self.refused[error.code] = self.refused.get(error.code, 0) + 1

    # --- Streams ----------------------------------------------------------------------------------------------------

    def new_subscriber(self) -> str:
        """A name for a stream, told to its reader, which acknowledges under it."""
        self._subscribers += 1
        return f"{self.registry.new_token()}-{self._subscribers}"

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

    def _reset(self, reason: str) -> None:
        self.memo.clear()  # The new history counts revisions anew.
        for stream in self.streams():
            stream.watch.reset(reason)

    async def go_away(self, reason: str) -> None:
        """Answer the blocked reads, tell every stream to go elsewhere, a slice at a time, and end it."""
        self.stopping = True
        self.registry.subscribers.stop()
        await asyncio.sleep(0)  # Drains are answered first.
        for connection in self._connections:
            if connection.waiting is not None:
                connection.waiting.set()
        for n, stream in enumerate(self.streams()):
            stream.go_away(reason)
            if n % 256 == 255:
                await asyncio.sleep(0)

    def close(self) -> None:
        self.pulse.stop()
        if self._timer is not None:
            self._timer.cancel()
