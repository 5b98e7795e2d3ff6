"""Who must have heard of a drain before it is safe to stop, and waiting for them.

A stream that promised to (`ack=1`) is asked and answers. A reader by polling acknowledges by coming back with an index at or
above the drain's revision; it counts as a reader until its last answer's wait plus `POLLER_GRACE_S`. Whoever only looks, or only
listens, cannot acknowledge: the answer says how many there are and how old what they hold may be.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.pollers import Pollers
from muster.registry.waiting import within
from muster.wire.answers import CannotAcknowledge, DrainAnswer, Unacknowledged


class Stream(Protocol):
    """A live watch stream."""

    name: str
    address: str
    acknowledges: bool

    def ask_ack(self, service: ServiceKey, revision: int) -> None: ...


class Subscribers:
    """Every live reader of every service, as far as drains care. `now` is the registry's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._streams: dict[ServiceKey, dict[str, Stream]] = {}
        self._acked: dict[tuple[ServiceKey, str], int] = {}
        self._pollers = Pollers(now)
        self._plain_reads: dict[ServiceKey, float] = {}
        self._waits: dict[ServiceKey, dict[asyncio.Event, int]] = {}
        self._stopping = False
        self.dns_ttl_s = 0.0

    # --- Streams ----------------------------------------------------------------------------------------------------

    def opened(self, service: ServiceKey, stream: Stream) -> None:
        """A stream begins. Its reader may hold what is older than a drain that is under way, so it is asked too."""
        self._streams.setdefault(service, {})[stream.name] = stream
        if stream.acknowledges and (waits := self._waits.get(service)):
            stream.ask_ack(service, max(waits.values()))

    def closed(self, service: ServiceKey, stream: Stream) -> None:
        streams = self._streams.get(service, {})
        streams.pop(stream.name, None)
        if not streams:
            self._streams.pop(service, None)
        self._acked.pop((service, stream.name), None)
        self._wake(service)

    def acknowledged(self, name: str, service: ServiceKey, revision: int) -> None:
        """The stream called `name` has applied `revision`. Unknown names and old revisions change nothing."""
        if name in self._streams.get(service, {}):
            at = (service, name)
            self._acked[at] = max(self._acked.get(at, 0), revision)
            self._wake(service)

    # --- Pollers and plain reads ------------------------------------------------------------------------------------

    def polled(self, service: ServiceKey, peer: str, index: int, wait: float) -> None:
        """A blocking read with `index` from `peer` (`address:port`) begins."""
        self._pollers.asked(service, peer, index, wait)
        self._wake(service)

    def disconnected(self, peer: str) -> None:
        """A connection closed, on which somebody may have polled."""
        self._pollers.disconnected(peer)

    def looked(self, service: ServiceKey) -> None:
        """A plain look-up was answered without being asked to wait."""
        if len(self._plain_reads) >= limits.SERVICES:
            self._plain_reads.clear()
        self._plain_reads[service] = self._now()

    # --- Waiting ----------------------------------------------------------------------------------------------------

    async def drained(self, service: ServiceKey, revision: int, wait: float) -> DrainAnswer:
        """Ask everybody to acknowledge `revision`, and wait until they have, or `wait` s are over."""
        began = self._now()
        for stream in list(self._streams.get(service, {}).values()):
            if stream.acknowledges:
                stream.ask_ack(service, revision)
        heard = asyncio.Event()
        self._waits.setdefault(service, {})[heard] = revision
        try:
            while (left := self._missing(service, revision)) and (rest := self._rest(began + wait)) > 0:
                heard.clear()
                await within(min(rest, self._pollers.next_forgotten(service) + 0.001), heard)
        finally:
            waits = self._waits[service]
            del waits[heard]
            if not waits:
                del self._waits[service]
        return self._answer(service, revision, left, self._now() - began)

    def stop(self) -> None:
        """Answer every drain with what is known now: from here on streams end by our own doing, which says nothing of their
        readers."""
        self._stopping = True
        for service in list(self._waits):
            self._wake(service)

    def _rest(self, until: float) -> float:
        """Seconds that may still be waited."""
        return 0.0 if self._stopping else until - self._now()

    def _missing(self, service: ServiceKey, revision: int) -> list[Unacknowledged]:
        streams = [
            Unacknowledged(stream.name, stream.address)
            for stream in self._streams.get(service, {}).values()
            if stream.acknowledges and self._acked.get((service, stream.name), 0) < revision
        ]
        return streams + [
            Unacknowledged("poller", peer)
            for peer, poller in self._pollers.live(service).items()
            if poller.index < revision
        ]

    def _answer(
        self, service: ServiceKey, revision: int, left: list[Unacknowledged], waited: float
    ) -> DrainAnswer:
        streams = self._streams.get(service, {}).values()
        looked = self._plain_reads.get(service)
        return DrainAnswer(
            safe=not left,
            waited_ms=round(waited * 1000),
            revision=revision,
            unacknowledged=left[: limits.UNACKNOWLEDGED_LISTED],
            unacknowledged_count=len(left),
            cannot_acknowledge=CannotAcknowledge(
                plain_streams=sum(not stream.acknowledges for stream in streams),
                plain_reads_s=0.0 if looked is None else math.ceil((self._now() - looked) * 1000) / 1000,
                dns_ttl_s=self.dns_ttl_s,
            ),
        )

    def _wake(self, service: ServiceKey) -> None:
        for heard in self._waits.get(service, ()):
            heard.set()


def together(answers: Sequence[DrainAnswer], silent: Sequence[Unacknowledged], waited: float) -> DrainAnswer:
    """What the subscribers of all replicas say after `waited` s. `silent`: replicas that could not be asked, whose subscribers nobody
    knows."""
    unacknowledged = [*silent, *(each for answer in answers for each in answer.unacknowledged)]
    return DrainAnswer(
        safe=not silent and all(answer.safe for answer in answers),
        waited_ms=round(waited * 1000),
        revision=answers[0].revision,
        unacknowledged=unacknowledged[: limits.UNACKNOWLEDGED_LISTED],
        unacknowledged_count=len(silent) + sum(answer.unacknowledged_count for answer in answers),
        cannot_acknowledge=CannotAcknowledge(
            plain_streams=sum(answer.cannot_acknowledge.plain_streams for answer in answers),
            plain_reads_s=max(answer.cannot_acknowledge.plain_reads_s for answer in answers),
            dns_ttl_s=max(answer.cannot_acknowledge.dns_ttl_s for answer in answers),
        ),
    )
