"""One connection to a fake registry: requests in, answers and streams out."""

from __future__ import annotations

import http.server
import re
import select
import time
import uuid
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from muster.model.errors import Rejected
from muster.model.instance import Instance
from muster.model.record import Facts, Record
from muster.wire import events, problem, registration, sse
from muster.wire import policy as policies
from muster.wire import view as wire_view
from muster.wire.answers import Registered, Services, ServiceSummary
from muster.wire.events import AliveEvent, Event, ResetEvent, ResumedEvent
from muster.wire.view import InstanceList, InstanceView

from .faked import Faked, Seen, Watcher

_WAIT_MAX_S = 5.0
_PROMPTLY_S = 0.05
"""A stream's thread looks for a closed connection this often."""


Reply = tuple[int, object]


class Conversation(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive. A handler returns (status, body), or writes a stream of its own and returns None."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None:
        """Silent: the test looks at `registry.requests`."""

    @property
    def registry(self) -> Faked:
        registry: Faked = self.server.registry
        return registry

    def _serve(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = parse_qs(split.query, keep_blank_values=True)
        seen = Seen(self.command, split.path, query, dict(self.headers.items()), body)
        registry = self.registry
        with registry.news:
            registry.requests.append(seen)
            registry.news.notify_all()
            registry.news.wait_for(lambda: not registry.hanging)
        if registry.answers_with is not None:
            return self._problem(registry.answers_with[1], "as the test wishes", registry.answers_with[0])
        try:
            reply = self._reply(seen)
        except Rejected as refused:
            return self._problem(refused.code, refused.detail, field=refused.field)
        if reply is not None:
            self._answer(*reply)
        return None

    def _reply(self, seen: Seen) -> Reply | None:
        for method, pattern, handler in self._ROUTES:
            if method == seen.method and (match := re.fullmatch(pattern, seen.path)):
                reply: Reply | None = handler(self, seen, *map(unquote, match.groups()))
                return reply
        raise Rejected("unknown_path", f"{seen.method} {seen.path} is not faked")

    def _problem(self, code: str, detail: str, status: int | None = None, field: str | None = None) -> None:
        body = problem.problem(code, detail, field)
        self._answer(status or body.status, body, problem.MEDIA_TYPE)

    def _answer(self, status: int, body: object, kind: str = "application/json") -> None:
        content = b"" if body is None else msgspec.json.encode(body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    # --- registrars

    def _register(self, seen: Seen) -> Reply:
        asked = registration.parse(seen.body, seen.first("namespace") or "default")
        registry, instance = self.registry, asked.instance
        with registry.news:
            known = registry.holdings.get(instance.id)
            same = known is not None and registry.incarnations.get(instance.id) == asked.incarnation
            if known is not None and same and known.status == "draining":
                raise Rejected("draining", "it drains")
            view = known if known is not None and same else registry.holdings.put(_view(instance))
            registry.incarnations[instance.id] = asked.incarnation
            registry.news.notify_all()
        return 200 if same else 201, Registered(
            service=instance.service,
            instance_id=instance.id,
            namespace=instance.namespace,
            generation=view.generation,
            revision=view.revision,
            epoch=registry.holdings.epoch,
            status=view.status,
            lease=instance.lease,
        )

    def _heartbeat(self, seen: Seen, id: str) -> Reply:
        self._held(seen, id)
        with self.registry.news:
            self.registry.heartbeats[id] = self.registry.heartbeats.get(id, 0) + 1
            self.registry.news.notify_all()
        return 204, None

    def _deregister(self, seen: Seen, id: str) -> Reply:
        self._held(seen, id)
        self.registry.remove(id)
        return 204, None

    def _drain(self, seen: Seen, id: str) -> Reply:
        """Readers that promised to acknowledge are asked; the rest is not waited for."""
        registry, began = self.registry, time.monotonic()
        service = self._held(seen, id).service
        registry.change(id, status="draining")
        revision = registry.ask_for_ack(service)
        wait = min(_WAIT_MAX_S, float(seen.first("wait").removesuffix("s") or _WAIT_MAX_S))
        with registry.news:
            safe = registry.news.wait_for(lambda: not registry.silent(service, revision), wait)
            silent = [{"subscriber": w.id, "address": ""} for w in registry.silent(service, revision)]
        return 200, {
            "safe": safe,
            "waited_ms": int((time.monotonic() - began) * 1000),
            "revision": revision,
            "unacknowledged": silent,
            "unacknowledged_count": len(silent),
            "cannot_acknowledge": {},
        }

    def _suspect(self, seen: Seen, id: str) -> Reply:
        self._held(seen, id)
        return 202, {"accepted": True}

    def _check(self, seen: Seen, id: str) -> Reply:
        self._held(seen, id)
        return 200, {"health": "passing"}

    def _detail(self, seen: Seen, id: str) -> Reply:
        return 200, self._held(seen, id)

    def _held(self, seen: Seen, id: str) -> InstanceView:
        held = self.registry.holdings.get(id)
        if held is None:
            raise Rejected("unknown_instance", f"no instance {id!r}")
        generation = seen.first("generation")
        if generation and int(generation) < held.generation:
            raise Rejected("superseded", "a newer incarnation holds the id")
        return held

    # --- policies

    def _policy(self, seen: Seen, service: str) -> Reply:
        policy = self.registry.holdings.policy_of(service)
        if policy is None:
            raise Rejected("unknown_policy", f"no policy of {service!r}")
        return 200, {
            "service": service,
            "namespace": "default",
            "revision": policy.revision,
            "policy": policy.policy,
        }

    def _put_policy(self, seen: Seen, service: str) -> Reply:
        self.registry.steer(service, policies.decode(seen.body))
        return self._policy(seen, service)

    def _drop_policy(self, seen: Seen, service: str) -> Reply:
        self._policy(seen, service)
        self.registry.steer(service, None)
        return 204, None

    # --- readers

    def _acks(self, seen: Seen) -> Reply:
        body = msgspec.json.decode(seen.body)
        with self.registry.news:
            self.registry.acknowledged.setdefault(body["subscriber"], {}).update(body["services"])
            self.registry.news.notify_all()
        return 204, None

    def _services(self, seen: Seen) -> Reply:
        held = self.registry.holdings
        services = [
            ServiceSummary(
                name,
                held.count(name),
                len(held.listed(name)),
                held.revision_of(name),
                held.statuses(name),
            )
            for name in held.services()
        ]
        return 200, Services(held.revision, held.epoch, held.settled, services)

    def _instances(self, seen: Seen, service: str) -> Reply:
        held = self.registry.holdings
        if not held.exists(service):
            raise Rejected("unknown_service", f"no service {service!r}")
        return 200, InstanceList(
            service, held.revision_of(service), held.epoch, held.settled, held.listed(service)
        )

    def _watch(self, seen: Seen) -> None:
        self._stream(tuple(seen.query.get("service", ())), "", seen)

    def _session(self, seen: Seen, id: str) -> None:
        self._held(seen, id)
        self._stream((), id, seen)

    def _stream(self, services: tuple[str, ...], session: str, seen: Seen) -> None:
        registry = self.registry
        watcher = registry.watcher(uuid.uuid4().hex[:12], services, session, acks=seen.first("ack") == "1")
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Muster-Subscriber", watcher.id)
            self.send_header("Muster-Epoch", registry.holdings.epoch)
            self.end_headers()
            self._talk(watcher, seen.first("after") or seen.headers.get("Last-Event-ID", ""))
        finally:
            with registry.news:
                registry.watchers.remove(watcher)
                registry.news.notify_all()

    def _talk(self, watcher: Watcher, after: str) -> None:
        registry, held = self.registry, self.registry.holdings
        with registry.news:
            written = self._first_words(watcher, after)
            at = held.revision
        alive_at = time.monotonic() + registry.alive_every
        while self._write(written):
            with registry.news:
                registry.news.wait_for(partial(self._due, watcher, at, alive_at), _PROMPTLY_S)
                if registry.hushed:
                    written = b""
                    continue
                written = b"".join(watcher.outbox)
                watcher.outbox.clear()
                if held.revision > at:
                    written = self._frames(held.since(at, watcher.services)) + written
                    at = held.revision
                if time.monotonic() >= alive_at:
                    written += self._alive(watcher)
                    alive_at = time.monotonic() + registry.alive_every

    def _due(self, watcher: Watcher, at: int, alive_at: float) -> bool:
        registry = self.registry
        if registry.hushed:
            return False
        return bool(watcher.outbox) or registry.holdings.revision > at or time.monotonic() >= alive_at

    def _first_words(self, watcher: Watcher, after: str) -> bytes:
        held = self.registry.holdings
        place = events.position(after)
        if watcher.session:
            return b""
        if place is not None and place.epoch == held.epoch and place.revision <= held.revision:
            resumed: Event = ResumedEvent(held.revision, held.settled)
            since = held.since(place.revision, watcher.services)
            return self._frames([resumed, *held.steered(watcher.services), *since])
        begun = [] if place is None else [ResetEvent(held.epoch, "another epoch, or a reader ahead")]
        whole = held.snapshots(watcher.services, self.registry.page)
        return self._frames([*begun, *whole, *held.steered(watcher.services)])

    def _alive(self, watcher: Watcher) -> bytes:
        held = self.registry.holdings
        digest = held.digest(watcher.services)
        if self.registry.lies and not watcher.session:
            self.registry.lies -= 1
            digest = "0123456789abcdef"
        return self._frames([AliveEvent(held.revision, digest, held.settled)])

    def _frames(self, sent: list[Event]) -> bytes:
        """The id stands on the last one: by then, everything up to it has been said."""
        held = self.registry.holdings
        mark = f"{held.epoch}:{held.revision}"
        return b"".join(
            sse.frame(*events.encode(event), mark if number == len(sent) else "")
            for number, event in enumerate(sent, 1)
        )

    def _write(self, written: bytes) -> bool:
        """False once the reader is gone."""
        try:
            if written:
                self.wfile.write(sse.chunk(written))
            return not _closed(self.connection)
        except OSError:
            return False

    _ROUTES: ClassVar = (
        ("POST", r"/v1/register", _register),
        ("PUT", r"/v1/heartbeat/([^/]+)", _heartbeat),
        ("GET", r"/v1/instances/([^/]+)", _detail),
        ("DELETE", r"/v1/instances/([^/]+)", _deregister),
        ("POST", r"/v1/instances/([^/]+)/drain", _drain),
        ("POST", r"/v1/instances/([^/]+)/suspect", _suspect),
        ("POST", r"/v1/instances/([^/]+)/check", _check),
        ("GET", r"/v1/instances/([^/]+)/session", _session),
        ("GET", r"/v1/policies/([^/]+)", _policy),
        ("PUT", r"/v1/policies/([^/]+)", _put_policy),
        ("DELETE", r"/v1/policies/([^/]+)", _drop_policy),
        ("POST", r"/v1/acks", _acks),
        ("GET", r"/v1/services", _services),
        ("GET", r"/v1/services/([^/]+)/instances", _instances),
        ("GET", r"/v1/watch", _watch),
    )


def _closed(connection: Any) -> bool:
    """True if the peer has closed: it sends nothing else once its request is read."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable)


def _view(instance: Instance) -> InstanceView:
    return wire_view.of(Record(instance, "", Facts(), registered_at=0, changed_at=0), 0)
