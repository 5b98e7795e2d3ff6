"""What all connections of one server share: the registry, the rules, the answers known by heart, and the coarse clock.

The clock ticks once a second: it dates answers, lets a look-up's bytes be reused within the second, and ends connections that
are idle or that take too long over one request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from muster.core.state import ServiceKey, View
from muster.httpapi.access import Gate
from muster.httpapi.message import Headers, Response, encode, refusal
from muster.httpapi.pulse import Pulse
from muster.httpapi.watch import Subscription, Watch
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.registry import Registry
from muster.wire import sse
from muster.wire import view as wire_view
from muster.wire.filters import Filter

if TYPE_CHECKING:
    from muster.httpapi.protocol import MusterProtocol
    from muster.httpapi.router import Router


class Service:
    """One per server. `refused` counts refusals by code, for the metrics; `connections` is how many it accepts at once."""

    router: Router

    def __init__(self, registry: Registry, gate: Gate, *, connections: int = limits.CONNECTIONS) -> None:
        self.registry = registry
        self.gate = gate
        self.memo: dict[bytes, Lookup] = {}
        self.heads: dict[bytes, Headers] = {}
        self.pulse = Pulse(asyncio.get_running_loop())
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
        return [stream for stream in self.pulse.streams() if isinstance(stream, Stream)]

    def lost(self, stream: Stream) -> None:
        """The connection of `stream` is gone. A zone that dies loses thousands at once: a few are dealt with in a turn."""
        stream.watch.full()
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


class Lookup:
    """A look-up: service, filter, and the ETag the reader holds.

    Its bytes are made once per change, and once a second; large ones each time, for copying them costs less than keeping them.
    """

    __slots__ = ("_bytes", "_filter", "_held", "_key", "_revision", "_service", "_stamp")

    def __init__(self, service: Service, key: ServiceKey, filter: Filter, held: str) -> None:
        self._service = service
        self._key = key
        self._filter = filter
        self._held = held
        self._revision = -1
        self._stamp = 0.0
        self._bytes = b""

    def answer(self) -> bytes:
        """The whole answer, for a connection that stays open."""
        service = self._service
        revision = service.registry.snapshot(self._key).revision
        if revision == self._revision and service.seconds == self._stamp:
            service.lookups += 1
            return self._bytes
        told = encode(self.response(), service.date)
        if len(told) <= limits.MEMO_ANSWER_BYTES:
            self._revision, self._stamp, self._bytes = revision, service.seconds, told
        return told

    def response(self) -> Response:
        service = self._service
        service.lookups += 1
        service.registry.subscribers.looked(self._key)
        return listed(service.registry, self._key, self._filter, self._held)


def listed(registry: Registry, key: ServiceKey, filter: Filter, held: str) -> Response:
    """The answer to a look-up: 200, 304 for a reader that holds it already, or 404 for a service without any instance."""
    snapshot = registry.snapshot(key)
    if not snapshot.exists:
        return _unknown(registry, key)
    settled = registry.settled
    view = snapshot.view(filter)
    etag = f'"{registry.epoch}.{snapshot.revision}{"" if settled else "u"}.{filter.key}"'
    headers = (
        (b"etag", etag.encode()),
        (b"muster-index", b"%d" % snapshot.revision),
        (b"muster-age", b"%d" % registry.age),
        (b"cache-control", b"no-cache"),
    )
    if held and (held == "*" or etag in (tag.strip().removeprefix("W/") for tag in held.split(","))):
        return Response(304, headers=headers)
    return Response(200, view.once(f"list {settled}", lambda: _list(view, registry.epoch, settled)), headers)


def _list(view: View, epoch: str, settled: bool) -> bytes:
    bodies = (entry.json for entry in view.entries)
    return wire_view.list_body(view.key.name, view.revision, epoch, settled, bodies)


def _unknown(registry: Registry, key: ServiceKey) -> Response:
    extra = {"revision": registry.revision, "epoch": registry.epoch, "settled": registry.settled}
    detail = f"no instance of {key.name!r} is registered in namespace {key.namespace!r}"
    told = refusal(Rejected("unknown_service", detail), extra)
    return replace(told, headers=((b"muster-index", b"%d" % registry.revision),))


class Stream:
    """A watch on a socket: its head, its pulse, its end."""

    def __init__(self, service: Service, asked: Subscription, address: str) -> None:
        self._service = service
        self._transport: Any = None
        self._ended = False
        self._asked = asked
        self.watch = Watch(service.registry, asked, service.new_subscriber(), address)

    @property
    def sessions(self) -> int:
        return len(self._asked.sessions)

    def start(self, transport: Any, date: bytes) -> None:
        self._transport = transport
        transport.write(
            b"HTTP/1.1 200 OK\r\n"
            + date
            + b"content-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n"
            + f"muster-subscriber: {self.watch.name}\r\n".encode()
            + f"muster-epoch: {self._service.registry.epoch}\r\n\r\n".encode()
        )
        self._service.pulse.add(self)
        self.watch.open(transport.write)

    def beat(self) -> None:
        self.watch.pulse()

    def full(self) -> None:
        self.watch.full()

    def writable(self) -> None:
        self.watch.writable()

    def go_away(self, reason: str) -> None:
        if not self._ended:
            self._ended = True
            self.watch.go_away(reason)
            self._transport.write(sse.LAST_CHUNK)
            self._transport.close()

    def lost(self) -> None:
        """The connection is gone: by our own word, or not."""
        self._service.pulse.remove(self)
        self.watch.close(lost=not self._ended)
