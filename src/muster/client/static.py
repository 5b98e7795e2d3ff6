"""Endpoints that are written down, in place of a registry: for tests, and for where none can be reached.

    MUSTER_URL=static:web=127.0.0.1:8080,web=127.0.0.1:8081,db=10.0.0.5:5432
    MUSTER_URL=static:/etc/muster/endpoints.json

    {"web": ["127.0.0.1:8080", {"host": "10.0.0.7", "port": 8080, "zone": "b", "weight": 10}], "db": []}

What a service lists is an address, or the fields of a registration. For whoever follows it this is a stream like any other:
snapshots, then `alive`, and a reset when the file has changed. Its epoch is the digest of what is written, so the same content
is the same history, for every process and after every start.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec.structs import replace

from muster.model import limits
from muster.model.errors import Rejected, invalid
from muster.model.record import Facts, Record
from muster.wire import events, registration, strict, view
from muster.wire.events import AliveEvent, Event, Position, ResetEvent, SnapshotEvent
from muster.wire.registration import RegisterBody
from muster.wire.sse import Message
from muster.wire.view import InstanceView

from .address import Registry
from .errors import Lost

LOOK_EVERY_S = 1.0
"""How often a file is looked at, which is how late a change of it may be seen."""
_REVISION = 1
"""The only one there is of a content."""
_services = msgspec.json.Decoder(dict[str, msgspec.Raw])
_instances = msgspec.json.Decoder(list[str | RegisterBody])


class StaticStream:
    """What `stream.Stream` is for a registry."""

    def __init__(self, registry: Registry, namespace: str) -> None:
        self.registry = registry
        self.headers = http.client.HTTPMessage()
        self._namespace = namespace
        self._services: list[str] = []
        self._epoch = ""
        self._digest = ""
        self._seen: object = None
        self._waiting: list[Event] = []
        self._over = threading.Event()

    def __repr__(self) -> str:
        return f"<StaticStream of {self.registry}>"

    def begin(self, head: bytes) -> None:
        """What a registry would read of the request: which services are wanted. Raises `Lost`."""
        target = head.split(b" ", 2)[1].decode()
        self._services = parse_qs(urlsplit(target).query)["service"]
        self._waiting = self._read_anew()
        self.headers["Muster-Epoch"] = self._epoch

    def read(self, patience: float | None = None) -> list[Message]:
        """At first and after a change of the file everything, otherwise that nothing has changed. Raises `Lost`."""
        waiting, self._waiting = self._waiting, []
        if not waiting and self._over.wait(LOOK_EVERY_S):
            raise Lost("closed", "by its reader")
        return [self._message(event) for event in waiting or self._changes()]

    def abort(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._over.set()

    def disown(self) -> None:
        """Nothing of it is shared with the parent."""

    def _changes(self) -> list[Event]:
        before = self._epoch
        if _modified(self.registry.written) == self._seen:
            return [AliveEvent(_REVISION, self._digest, settled=True)]
        anew = self._read_anew()
        return anew if self._epoch == before else [ResetEvent(self._epoch, "the file has changed"), *anew]

    def _read_anew(self) -> list[Event]:
        try:
            seen = _modified(self.registry.written)
            content = text(self.registry.written)
            listed = parse(content, self._namespace)
        except (OSError, Rejected) as error:
            raise Lost("malformed", str(error)) from None
        self._seen = seen
        self._epoch = hashlib.blake2b(content, digest_size=8).hexdigest()
        wanted = [each for service in self._services for each in listed.get(service, ())]
        terms = (view.digest_term(each.instance_id, each.generation, each.revision) for each in wanted)
        self._digest = f"{view.digest(terms):016x}"
        return list(self._snapshots(listed))

    def _snapshots(self, listed: dict[str, tuple[InstanceView, ...]]) -> Iterator[Event]:
        for service in self._services:
            yield SnapshotEvent(
                service,
                _REVISION,
                exists=service in listed,
                settled=True,
                instances=listed.get(service, ()),
            )

    def _message(self, event: Event) -> Message:
        name, data = events.encode(event)
        return Message(name, data, str(Position(self._epoch, _REVISION)))


def inline(written: str) -> bool:
    """Whether endpoints stand there themselves, and not the path of a file."""
    return "=" in written and not written.startswith(("/", "."))


def _modified(written: str) -> object:
    """Something that is another when the file is; also when it is gone."""
    if inline(written):
        return None
    try:
        found = Path(written).stat()
    except OSError:
        return ""
    return found.st_ino, found.st_mtime_ns, found.st_size


def text(written: str) -> bytes:
    """What is written, as JSON. Raises OSError, `Rejected`."""
    if not inline(written):
        with Path(written).open("rb") as file:
            content = file.read(limits.CLIENT_ANSWER_BYTES + 1)
        if len(content) > limits.CLIENT_ANSWER_BYTES:
            raise Rejected("body_too_large", f"more than {limits.CLIENT_ANSWER_BYTES} bytes")
        return content
    listed: dict[str, list[str]] = {}
    for pair in filter(None, map(str.strip, written.split(","))):
        service, equals, address = pair.partition("=")
        if not equals:
            raise invalid(pair, "is not SERVICE=HOST:PORT")
        listed.setdefault(service, []).append(address)
    return msgspec.json.encode(listed)


def check(registries: Iterable[Registry], namespace: str) -> None:
    """Raises `Rejected` for endpoints that cannot be. Files are read later, again and again."""
    for registry in registries:
        if registry.static and inline(registry.written):
            parse(text(registry.written), namespace)


def parse(content: bytes, namespace: str) -> dict[str, tuple[InstanceView, ...]]:
    """service -> its instances. Raises `Rejected` naming service and field."""
    listed = {}
    for service, written in strict.decode(_services, content).items():
        try:
            given = strict.decode(_instances, bytes(written))
            views = tuple(_view(service, one, namespace) for one in given)
        except Rejected as rejected:
            raise invalid(f"{service} {rejected.field or ''}".rstrip(), rejected.detail) from None
        if len({one.instance_id for one in views}) != len(views):
            raise invalid(service, "lists one instance twice")
        listed[views[0].service if views else service.lower()] = views
    return listed


def _view(service: str, one: str | RegisterBody, namespace: str) -> InstanceView:
    body = _at(one) if isinstance(one, str) else one
    written = msgspec.json.encode(replace(body, service=service, static=True))
    instance = registration.parse(written, namespace, dots=True).instance
    record = Record(instance, "", Facts(), registered_at=0, changed_at=0, generation=_REVISION)
    return view.of(record, _REVISION)


def _at(address: str) -> RegisterBody:
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise invalid("port", f"is missing from {address!r}")
    return RegisterBody(host=host.strip("[]"), port=int(port))
