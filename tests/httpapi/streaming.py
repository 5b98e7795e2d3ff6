"""A reader of a stream as tests see it: every message in order, and a copy of what the stream was given."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from muster.wire import events, sse
from muster.wire import view as views
from muster.wire.events import AliveEvent, Event, RemoveEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView

TIMEOUT_S = 20.0
E = TypeVar("E")


@dataclass(frozen=True)
class Told:
    """One message: the event, and the stream's id after it."""

    event: Event
    id: str


class Copy:
    """What a reader holds, service by service: states are put in whole, as the contract says."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, InstanceView]] = {}
        self._coming: dict[str, dict[str, InstanceView]] = {}

    def take(self, event: Event) -> None:
        match event:
            case SnapshotEvent():
                coming = self._coming.setdefault(event.service, {})
            case UpsertEvent() | RemoveEvent():
                known = self.services.get(event.service, {})
                coming = self._coming.setdefault(event.service, dict(known))
            case _:
                return
        for told in event.instances:
            if isinstance(told, InstanceView):
                coming[told.instance_id] = told
            else:
                del coming[told.instance_id]
        if not event.more:
            self.services[event.service] = self._coming.pop(event.service)

    @property
    def digest(self) -> str:
        terms = (
            views.digest_term(each.instance_id, each.generation, each.revision)
            for service in self.services.values()
            for each in service.values()
        )
        return f"{views.digest(terms):016x}"

    def ids(self, service: str) -> list[str]:
        return sorted(self.services[service])


class Stream:
    """An open stream. `told` is everything it said so far."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        *,
        receive_buffer: int = 0,
        connect: Callable[[str, int], socket.socket] | None = None,
        **headers: str,
    ) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        if connect is not None:
            self._connection.sock = connect(host, port)
        elif receive_buffer:
            self._connection.sock = small_buffered(host, port, receive_buffer)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("GET", path, headers=sent)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}
        self.told: list[Told] = []
        self.beat: Callable[[], object] = lambda: None
        self.copy = Copy()
        self._parser = sse.Parser()
        self._unread: list[Told] = []

    @property
    def subscriber(self) -> str:
        return self.headers["muster-subscriber"]

    @property
    def epoch(self) -> str:
        return self.headers["muster-epoch"]

    @property
    def id(self) -> str:
        return self.told[-1].id

    def next(self) -> Event:
        """The next event. Raises `EOFError` when the stream has ended."""
        while not self._unread:
            self._unread += self._receive()
        told = self._unread.pop(0)
        self.told.append(told)
        self.copy.take(told.event)
        return told.event

    def _receive(self) -> list[Told]:
        received = self._answer.read1(65536)
        if not received:
            raise EOFError("the stream ended")
        messages = self._parser.feed(received)
        decoded = [(events.decode(message.event, message.data), message.id) for message in messages]
        return [Told(event, id) for event, id in decoded if event is not None]

    def until(self, kind: type[E], when: Callable[[E], bool] = lambda event: True) -> E:
        """Read on to the next event of that kind that is meant."""
        while True:
            event = self.next()
            if isinstance(event, kind) and when(event):
                return event

    def alive(self, when: Callable[[AliveEvent], bool] = lambda event: True) -> AliveEvent:
        """The next pulse that is meant, now rather than within two seconds."""
        while True:
            self.beat()
            event = self.until(AliveEvent)
            if when(event):
                return event

    def changes(self, count: int) -> list[Event]:
        """The next `count` events, without the pulse."""
        found: list[Event] = []
        while len(found) < count:
            event = self.next()
            if not isinstance(event, AliveEvent):
                found.append(event)
        return found

    def to_the_end(self) -> list[Event]:
        """Everything that still comes until the registry ends the stream."""
        found: list[Event] = []
        try:
            while True:
                found.append(self.next())
        except EOFError:
            return found

    def close(self) -> None:
        self._answer.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def small_buffered(host: str, port: int, size: int) -> socket.socket:
    """A connection whose reader can fall behind soon."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    made.settimeout(TIMEOUT_S)
    made.connect((host, port))
    return made
