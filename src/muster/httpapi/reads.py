"""Handlers that look: services, instances, watch and session streams."""

from __future__ import annotations

from itertools import islice

from muster.core.state import ServiceKey
from muster.httpapi import bodies
from muster.httpapi.detail import detail_of, explain
from muster.httpapi.lookup import listed
from muster.httpapi.streams import Streams
from muster.httpapi.watch import Session, Subscription, service_keys
from muster.httpapi.writes import OWNER_HEADER
from muster.model import durations, limits, names
from muster.model.errors import Rejected, Unavailable, invalid
from muster.model.record import DISCOVERABLE, instance_key
from muster.observe.history import History
from muster.registry.confirming import unless_refused
from muster.registry.owner import owner_digest
from muster.registry.registry import Registry
from muster.web.known import Known
from muster.web.listener import Listener
from muster.web.message import Request, Response, answer
from muster.web.stream import Stream
from muster.wire import answers, events, filters
from muster.wire.filters import Filter


class Reads:
    def __init__(
        self, registry: Registry, listener: Listener, streams: Streams, history: History, *, dots: bool
    ) -> None:
        self._registry = registry
        self._listener = listener
        self._streams = streams
        self._history = history
        self._dots = dots

    # --- Look-ups ---------------------------------------------------------------------------------------------------

    def instances(self, request: Request) -> Known | None:
        """Hot. None for a blocking read."""
        if "index" in request.query or "wait" in request.query:
            return None
        request.only(*filters.PARAMETERS)
        registry, key = self._registry, self._key(request)
        filter, held = filters.parse(request.query), request.header(b"if-none-match")
        return Known(
            self._listener,
            lambda: registry.snapshot(key).revision,
            lambda: self._looked(key, filter, held),
        )

    def _looked(self, key: ServiceKey, filter: Filter, held: str) -> Response:
        self._registry.subscribers.looked(key)
        return listed(self._registry, key, filter, held)

    async def instances_slow(self, request: Request) -> Response:
        request.only(*filters.PARAMETERS, "index", "wait")
        key, filter = self._key(request), filters.parse(request.query)
        held = request.header(b"if-none-match")
        index = request.number("index")
        if index is not None:
            wait = durations.seconds(
                request.one("wait", str(limits.WAIT_DEFAULT_S)), "wait", most=limits.WAIT_MAX_S
            )
            existed = self._polled(key, request, index, wait)
            if not self._is_beyond(key, index):
                await self._registry.blocked.change(key, wait, request.connection)
            if not existed:
                self._polled(key, request, index, 0.0)
            return listed(self._registry, key, filter, held)
        return self._looked(key, filter, held)

    def _polled(self, key: ServiceKey, request: Request, index: int, wait: float) -> bool:
        """Count the reader among those a drain waits for, if there is anything that could drain."""
        exists = self._registry.snapshot(key).exists
        if exists:
            self._registry.subscribers.polled(key, request.connection.peer, index, wait)
        return exists

    def _is_beyond(self, key: ServiceKey, index: int) -> bool:
        """Whether the service has changed since `index`. An index ahead of us is of another history."""
        snapshot = self._registry.snapshot(key)
        if index > self._registry.revision:
            return True
        if snapshot.exists:
            return snapshot.revision > index
        # It has no revision of its own: that of the registry moves with everybody else's changes.
        return self._registry.feed.since(key, index) != []

    def _key(self, request: Request) -> ServiceKey:
        name = names.service_name(request.params["name"], dots=self._dots)
        return ServiceKey(request.namespace, name)

    def services(self, request: Request) -> Response:
        request.only()
        namespace = request.namespace
        found = sorted(key for key in self._registry.services() if key.namespace == namespace)
        summaries = [self._summary(key) for key in found]
        return answer(
            answers.Services(self._registry.revision, self._registry.epoch, self._registry.settled, summaries)
        )

    def _summary(self, key: ServiceKey) -> answers.ServiceSummary:
        counts = self._registry.statuses(key)
        return answers.ServiceSummary(
            service=key.name,
            instances=sum(counts.values()),
            discoverable=sum(count for status, count in counts.items() if status in DISCOVERABLE),
            revision=self._registry.snapshot(key).revision,
            statuses={str(status): count for status, count in counts.items()},
        )

    def instance(self, request: Request) -> Response:
        request.only()
        entry = self._registry.entry(instance_key(request.namespace, request.params["id"]))
        if entry is None:
            raise Rejected("unknown_instance", "no such instance in this namespace")
        return answer(detail_of(self._registry, entry))

    def explain(self, request: Request) -> Response:
        request.only("service", "id", "zone")
        id = request.one("id")
        if not id:
            raise invalid("id", "is required: whose instance is to be explained")
        entry = self._registry.entry(instance_key(request.namespace, id))
        if entry is None:
            raise Rejected(
                "unknown_instance", "no such instance: it never registered, left, or its retention is over"
            )
        service = request.one("service", entry.service.name)
        if service.lower() != entry.service.name:
            raise Rejected("unknown_instance", f"its service is {entry.service.name!r}", field="service")
        return answer(explain(self._registry, entry, request.one("zone")))

    def history(self, request: Request) -> Response:
        request.only("service", "id", "limit")
        asked = request.number("limit")
        most = limits.HISTORY_PAGE if asked is None else asked
        if not 1 <= most <= limits.HISTORY_PAGE_MAX:
            raise invalid("limit", f"must be 1 to {limits.HISTORY_PAGE_MAX}, not {most}")
        lines = self._history.lines(request.namespace, request.one("service").lower(), request.one("id"))
        return answer(bodies.HistoryPage(list(islice(lines, most))))

    # --- Streams ----------------------------------------------------------------------------------------------------

    def watch(self, request: Request) -> Stream | None:
        """Hot. The stream of one or several services, and of the sessions its reader carries."""
        return unless_refused(self._registry, self._watch, request)

    def session(self, request: Request) -> Stream | None:
        """Hot. The stream that carries one instance's session and nothing else."""
        return unless_refused(self._registry, self._session_alone, request)

    async def watch_slow(self, request: Request) -> Stream:
        for text in request.query.get("session", ())[: limits.WATCH_SESSIONS]:
            await self._sure(request, *_id_and_generation(text))
        return self._watch(request)

    async def session_slow(self, request: Request) -> Stream:
        await self._sure(request, request.params["id"], request.number("generation") or 0)
        return self._session_alone(request)

    async def _sure(self, request: Request, id: str, generation: int) -> None:
        """Refuse only what the store confirms. What was not known a moment ago, and is now, has to be asked for again: a stream
        begins at once or not at all."""

        async def carried() -> Session:
            return self._carried(request, id, generation)

        key = instance_key(request.namespace, id)
        before = self._registry.entry(key)
        await self._registry.sure(key, carried)
        if self._registry.entry(key) is not before:
            raise Unavailable("try_another", "this replica was behind: ask again", retry_after=0.1)

    def _watch(self, request: Request) -> Stream:
        self._admit()
        request.only("service", "after", "session", "ack", *filters.PARAMETERS)
        asked = Subscription(
            services=self._watched(request),
            filter=filters.parse(request.query),
            sessions=self._sessions(request, request.query.get("session", [])),
            acknowledges=filters.flag(request.query, "ack"),
            after=_position(request),
        )
        if not asked.services and not asked.sessions:
            raise invalid("service", "name at least one service to watch")
        return self._streams.new(asked, request.connection.peer)

    def _session_alone(self, request: Request) -> Stream:
        self._admit()
        request.only("generation")
        generation = request.number("generation") or 0
        session = self._carried(request, request.params["id"], generation)
        asked = Subscription((), Filter(), (session,), False, None)
        return self._streams.new(asked, request.connection.peer)

    def _admit(self) -> None:
        if self._listener.stopping:
            raise Unavailable("stopping", "this registry is shutting down; ask another")
        if len(self._listener.pulse) >= limits.WATCHERS:
            raise Unavailable("overloaded", f"there are {limits.WATCHERS} streams already")

    def _watched(self, request: Request) -> tuple[ServiceKey, ...]:
        asked = request.query.get("service", [])
        if len(asked) > limits.WATCH_SERVICES:
            raise invalid("service", f"a stream may watch {limits.WATCH_SERVICES} services")
        return service_keys(request.namespace, [names.service_name(name, dots=self._dots) for name in asked])

    def _sessions(self, request: Request, asked: list[str]) -> tuple[Session, ...]:
        if len(asked) > limits.WATCH_SESSIONS:
            raise invalid("session", f"a stream may carry {limits.WATCH_SESSIONS} sessions")
        return tuple(self._carried(request, *_id_and_generation(text)) for text in asked)

    def _carried(self, request: Request, id: str, generation: int) -> Session:
        entry = self._registry.entry(instance_key(request.namespace, id))
        if entry is None:
            raise Rejected("unknown_instance", "no such instance: register it", field="session")
        record = entry.record
        if generation and generation != record.generation:
            raise Rejected("superseded", "a newer registration holds this id", field="session")
        if record.owner and record.owner not in _owners(request):
            raise Rejected("not_owner", "the owner secret does not match", field="session")
        return Session(record.key, record.generation)


def _owners(request: Request) -> set[bytes]:
    """The digests of the owner secrets sent: a stream with several sessions sends several, separated by commas."""
    sent = request.header(OWNER_HEADER).split(",")[: limits.WATCH_SESSIONS]
    return {owner_digest(secret.strip()) for secret in sent}


def _id_and_generation(text: str) -> tuple[str, int]:
    """`ID@GENERATION`, or a bare id (which may hold an '@' of its own, if no number follows it)."""
    id, at, generation = text.rpartition("@")
    if at and generation.isdecimal() and len(generation) <= limits.NUMBER_DIGITS:
        return id, int(generation)
    return text, 0


def _position(request: Request) -> events.Position | None:
    text = request.one("after") or request.header(b"last-event-id")
    if not text:
        return None
    position = events.position(text)
    if position is None:
        raise invalid("after", "must be EPOCH:REVISION, the id of a message of a stream")
    return position
