"""The prober: keeps probes within bounds and gives each its place.

`start` only queues. The loop then begins a few per turn, urgent ones first, so that neither a burst of ten
thousand checks nor a zone full of suspicions holds up what else the process does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from muster.model import limits
from muster.model.check import Answer
from muster.probe.addresses import Lookup, Resolver, system_lookup
from muster.probe.attempt import Attempt
from muster.probe.conversation import Conclusion, Conversation, TcpConversation
from muster.probe.grpc import GrpcConversation
from muster.probe.http import HttpConversation
from muster.probe.tls import TlsContexts, TlsConversation
from muster.probe.turns import Turns
from muster.registry.prober import Finding, GrpcTarget, HttpTarget, Target, TcpTarget

_CONVERSATIONS: dict[type, Callable[..., Conversation]] = {
    TcpTarget: lambda target: TcpConversation(),
    HttpTarget: HttpConversation,
    GrpcTarget: GrpcConversation,
}


class Probes:
    """Implements `muster.registry.prober.Prober` on the running loop.

    `allow_loopback`: the registry is itself bound to loopback, so its instances may be there too.
    `in_flight` and `in_flight_urgent` bound the connections; `waiting` bounds those that have no place yet.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        tls: TlsContexts | None = None,
        lookup: Lookup = system_lookup,
        in_flight: int = limits.PROBES_IN_FLIGHT,
        in_flight_urgent: int = limits.PROBES_IN_FLIGHT_URGENT,
        waiting: int = limits.PROBES_WAITING,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.resolver = Resolver(self.loop, lookup=lookup)
        self.allow_loopback = allow_loopback
        self._tls = tls or TlsContexts()
        self._places = in_flight
        self._urgent_places = in_flight + in_flight_urgent
        self._most_waiting = waiting
        self._waiting: Turns[Attempt] = Turns()
        self._urgent: Turns[Attempt] = Turns()
        self._running: set[Attempt] = set()
        self._turn_due = False
        self._closed = False

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._urgent)

    def start(self, target: Target, done: Callable[[Finding], None], *, urgent: bool = False) -> Attempt:
        attempt = Attempt(self, target, done, urgent=urgent)
        if self._closed or self.waiting >= self._most_waiting:
            reason = "shutting down" if self._closed else "too many probes are waiting"
            self.loop.call_soon(attempt.end, Conclusion(Answer.UNASKED, reason))
        else:
            (self._urgent if urgent else self._waiting).add(target.host, attempt)
            self._take_turn_soon()
        return attempt

    async def probe(self, target: Target, *, urgent: bool = False) -> Finding:
        found: asyncio.Future[Finding] = self.loop.create_future()
        attempt = self.start(target, found.set_result, urgent=urgent)
        try:
            return await found
        finally:
            attempt.cancel()

    def close(self) -> None:
        """End every probe as `unasked`, running or waiting. Later ones are answered so at once."""
        self._closed = True
        self.resolver.close()
        unfinished = list(self._running)
        while (attempt := self._urgent.take() or self._waiting.take()) is not None:
            unfinished.append(attempt)
        for attempt in unfinished:
            attempt.end(Conclusion(Answer.UNASKED, "shutting down"))

    # What attempts need of us.

    def converse(self, target: Target) -> Conversation:
        """Raises ValueError or TypeError if the target's text cannot go on the wire."""
        conversation = _CONVERSATIONS[type(target)](target)
        if target.tls is None:
            return conversation
        alpn = "h2" if isinstance(target, GrpcTarget) else "http/1.1"
        context = self._tls.get(verify=target.tls.verify, alpn=alpn)
        return TlsConversation(conversation, context, target.tls.server_name or target.host)

    def ended(self, attempt: Attempt) -> None:
        self._running.discard(attempt)
        self._take_turn_soon()

    def _take_turn_soon(self) -> None:
        if not self._turn_due and not self._closed and self.waiting:
            self._turn_due = True
            self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn_due = False
        for _ in range(limits.PROBE_STARTS_PER_TURN):
            attempt = self._next()
            if attempt is None:
                return
            if not attempt.over:
                self._running.add(attempt)
                attempt.begin()
        self._take_turn_soon()

    def _next(self) -> Attempt | None:
        if len(self._running) >= self._urgent_places:
            return None
        if self._urgent or len(self._running) >= self._places:
            return self._urgent.take()
        return self._waiting.take()
