"""A watch stream: a reader's position in each service it asked for, and nothing else.

It owns no queue. When a service changes it sends what leads from its position to now; when its socket is full it sends nothing,
remembers which services are behind, and catches up from its position later: with the changes, or with a fresh snapshot if they
are no longer kept or too many. Frames come from `frames`, made once for all streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from muster.core.state import ServiceKey
from muster.httpapi import frames
from muster.registry.registry import Registry
from muster.wire import events, sse
from muster.wire.filters import Filter
from muster.wire.view import DIGEST_MODULUS

UNSENT = -1
"""The position of a service whose snapshot was not sent yet."""


class Session(Struct, frozen=True):
    """An instance whose session a stream carries."""

    key: str
    generation: int


class Subscription(Struct, frozen=True):
    """What a stream was asked for."""

    services: tuple[ServiceKey, ...]
    filter: Filter
    sessions: tuple[Session, ...]
    acknowledges: bool
    after: events.Position | None


class Watch:
    """One stream. `shared` is all streams'; `name` is the subscriber's, `address` its peer's."""

    _send: Callable[[bytes], None]

    def __init__(
        self, registry: Registry, shared: frames.LatestFrames, asked: Subscription, name: str, address: str
    ) -> None:
        self._registry = registry
        self._shared = shared
        self._asked = asked
        self._sent: dict[ServiceKey, int] = {}
        self._behind: dict[ServiceKey, None] = {}
        self._acks: dict[ServiceKey, int] = {}
        self._policies: dict[ServiceKey, int] = {}
        self._full = False
        self.name = name
        self.address = address
        self.acknowledges = asked.acknowledges

    def __repr__(self) -> str:
        return f"<Watch {self.name} {self.address} {len(self._sent)} services, {len(self._behind)} behind>"

    @property
    def sessions(self) -> int:
        return len(self._asked.sessions)

    # --- Life -------------------------------------------------------------------------------------------------------

    def open(self, send: Callable[[bytes], None]) -> None:
        """Subscribe, and say where the stream begins. `send` hands bytes to the socket."""
        self._send = send
        registry, after = self._registry, self._asked.after
        for session in self._asked.sessions:
            registry.session_opened(session.key, session.generation)
        for service in self._asked.services:
            self._sent[service] = UNSENT
            registry.hub.add(service, self)
        if after is not None and after.epoch == registry.epoch and after.revision <= registry.revision:
            self._resume(after.revision)
        else:
            self._begin("" if after is None else _why_reset(after, registry.epoch))
        for service in self._asked.services:
            registry.subscribers.opened(service, self)

    def _resume(self, revision: int) -> None:
        """Go on from the reader's position where the feed still reaches it; snapshots where it does not."""
        feed = self._registry.feed
        for service in self._asked.services:
            known = feed.since(service, revision) is not None
            self._sent[service] = revision if known else UNSENT
        self._say(events.ResumedEvent(revision, self._registry.settled))
        self._behind = dict.fromkeys(self._asked.services)
        self._catch_up()

    def _begin(self, reason: str) -> None:
        if reason:
            self._say(events.ResetEvent(self._registry.epoch, reason))
        self._policies.clear()
        self._sent = dict.fromkeys(self._asked.services, UNSENT)
        self._behind = dict.fromkeys(self._asked.services)
        if not self._behind:
            self._say(events.ResumedEvent(self._registry.revision, self._registry.settled))
        self._catch_up()

    def reset(self, reason: str) -> None:
        """Another history began."""
        self._begin(reason)

    def close(self, *, lost: bool) -> None:
        """The stream ended. `lost`: by the other side, or by a fault; the sessions on it raise suspicion."""
        for service in self._asked.services:
            self._registry.hub.remove(service, self)
            self._registry.subscribers.closed(service, self)
        for session in self._asked.sessions:
            self._registry.session_closed(session.key, session.generation, lost=lost)

    # --- Sending ----------------------------------------------------------------------------------------------------

    def service_changed(self, service: ServiceKey) -> None:
        if self._full or self._behind:
            self._behind[service] = None
            self._catch_up()
        else:
            self._send_service(service)

    def full(self) -> None:
        """The socket takes no more for now."""
        self._full = True

    def mute(self) -> None:
        """There is no socket any more."""
        self._full = True
        self._send = _to_nobody

    def writable(self) -> None:
        self._full = False
        self._catch_up()

    def _catch_up(self) -> None:
        while self._behind and not self._full:
            service = next(iter(self._behind))
            del self._behind[service]
            self._send_service(service)
        while self._acks and not self._full:
            service, revision = self._acks.popitem()
            self._say(events.AckEvent(service.name, revision))

    def _send_service(self, service: ServiceKey) -> None:
        self._send_records(service)
        self._send_policy(service)

    def _send_policy(self, service: ServiceKey) -> None:
        """If the reader has another one; or none, which is what it begins with."""
        held = self._registry.policies.latest(service)
        if held is not None and held.revision != self._policies.get(service):
            self._policies[service] = held.revision
            self._send(self._shared.policy(service.name, held.revision, held.document))

    def _send_records(self, service: ServiceKey) -> None:
        snapshot = self._registry.snapshot(service)
        since = self._sent[service]
        if since >= snapshot.revision:
            return
        view = snapshot.view(self._asked.filter)
        self._sent[service] = snapshot.revision
        made: frames.Delta = "too far"
        if since != UNSENT:
            made = frames.delta(view, self._asked.filter, self._registry.feed, since)
        if made == "too far":
            made = frames.snapshot(view, settled=self._registry.settled)
        if isinstance(made, frames.Frames):
            self._send(made.marked(self._mark(snapshot.revision)))

    def _mark(self, revision: int) -> str:
        """The id for a message that ends at `revision`: `epoch:low-water`, or none while a service was never sent."""
        low = self._low_water(revision)
        return "" if low is None else f"{self._registry.epoch}:{low}"

    def _low_water(self, most: int) -> int | None:
        """Everything at or below it has been sent; at most `most`."""
        low = most
        pending = self._registry.hub.pending
        if not self._behind and (len(self._sent) == 1 or pending.isdisjoint(self._sent)):
            return low
        feed = self._registry.feed
        for service, sent in self._sent.items():
            if sent == UNSENT:
                return None
            if service in self._behind or service in pending:
                first = feed.first_after(service, sent)
                low = low if first is None else min(low, first - 1)
        return low

    def _say(self, event: events.Event) -> None:
        self._send(sse.chunk(sse.frame(*events.encode(event))))

    def beat(self) -> None:
        """Every `ALIVE_S`: say that the stream lives, where it stands, and what its reader should hold."""
        if self._full:
            return
        pending = self._registry.hub.pending
        for service in [service for service in self._sent if service in pending]:
            self._send_service(service)
        low = self._low_water(self._registry.revision)
        if low is None:
            return
        self._send(self._shared.alive(self._registry.epoch, low, self._digest(), self._registry.settled))

    def _digest(self) -> int:
        snapshots = map(self._registry.snapshot, self._asked.services)
        return sum(snapshot.view(self._asked.filter).digest for snapshot in snapshots) % DIGEST_MODULUS

    def ask_ack(self, service: ServiceKey, revision: int) -> None:
        """Somebody waits for this reader to know `revision`: send what leads there, then ask."""
        self._behind[service] = None
        self._acks[service] = revision
        self._catch_up()

    def go_away(self, reason: str) -> None:
        """This registry stops: the reader should go elsewhere."""
        self._say(events.GoAwayEvent(reason))


def _to_nobody(data: bytes) -> None:
    pass


def _why_reset(after: events.Position, epoch: str) -> str:
    if after.epoch != epoch:
        return "another history began"
    return "the reader is ahead of this registry"


def service_keys(namespace: str, names: Sequence[str]) -> tuple[ServiceKey, ...]:
    return tuple(ServiceKey(namespace, name) for name in dict.fromkeys(names))
