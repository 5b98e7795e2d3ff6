"""A fake registry but for its socket: what it holds, who watches it, what it was asked, and how it misbehaves."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from muster.model.instance import Endpoint
from muster.model.policy import Policy
from muster.wire import events, sse
from muster.wire.events import AckEvent, Event, GoAwayEvent
from muster.wire.view import InstanceView

from .holdings import Holdings

_PAGE = 500
_REQUESTS_KEPT = 10_000


class Seen(Struct, frozen=True):
    """A request that arrived. `path` without the query."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def first(self, name: str) -> str:
        return self.query.get(name, [""])[0]


class Watcher:
    """An open stream: the services it asked for, the session it carries, and what is still to be written to it."""

    def __init__(self, id: str, services: tuple[str, ...], session: str, *, acks: bool) -> None:
        self.id = id
        self.services = services
        self.session = session
        self.acks = acks
        self.outbox: deque[bytes] = deque()

    def __repr__(self) -> str:
        return f"<Watcher {self.id} of {self.session or ', '.join(self.services)}>"


class Faked:
    """Methods may be called from any thread; `news` is held while anything changes, and told afterwards."""

    def __init__(
        self, *, alive_every: float = 0.1, page: int = _PAGE, holdings: Holdings | None = None
    ) -> None:
        self.alive_every = alive_every
        self.page = page
        self.holdings = holdings or Holdings(another_epoch())
        self.incarnations: dict[str, str] = {}
        self.heartbeats: dict[str, int] = {}
        self.acknowledged: dict[str, dict[str, int]] = {}
        self.requests: deque[Seen] = deque(maxlen=_REQUESTS_KEPT)
        self.watchers: list[Watcher] = []
        self.news = threading.Condition()
        self.hushed = False
        self.hanging = False
        self.lies = 0
        self.answers_with: tuple[int, str] | None = None

    # --- what it holds

    @property
    def sessions(self) -> set[str]:
        """Ids of instances whose session stream is open."""
        return {watcher.session for watcher in self.watchers if watcher.session}

    @property
    def readers(self) -> int:
        """How many watch streams are open."""
        return sum(not watcher.session for watcher in self.watchers)

    def silent(self, service: str, revision: int) -> list[Watcher]:
        """Readers that promised to acknowledge, and have not."""
        promised = (watcher for watcher in self.watchers if watcher.acks and service in watcher.services)
        return [w for w in promised if self.acknowledged.get(w.id, {}).get(service, 0) < revision]

    def watcher(self, id: str, services: tuple[str, ...], session: str, *, acks: bool) -> Watcher:
        """A stream was opened."""
        with self.news:
            opened = Watcher(id, services, session, acks=acks)
            self.watchers.append(opened)
            self.news.notify_all()
        return opened

    def add(
        self, service: str, *, port: int, id: str = "", host: str = "127.0.0.1", **fields: Any
    ) -> InstanceView:
        """An instance; `fields` are those of `InstanceView`."""
        given = dict[str, Any](
            instance_id=id or f"{service}-{port}",
            service=service,
            host=host,
            port=port,
            endpoints=(Endpoint("default", port, "http"),),
            status="healthy",
            generation=0,
            revision=0,
        )
        with self.news:
            added = self.holdings.put(InstanceView(**given | fields))
            self.news.notify_all()
        return added

    def change(self, id: str, **fields: Any) -> InstanceView:
        """`registry.change("web-1", status="draining")`."""
        with self.news:
            changed = self.holdings.change(id, **fields)
            self.news.notify_all()
        return changed

    def remove(self, id: str) -> None:
        with self.news:
            self.holdings.drop(id)
            self.news.notify_all()

    def steer(self, service: str, policy: Policy | None) -> None:
        """The service's traffic policy; None: it has none."""
        with self.news:
            event = self.holdings.steer(service, policy)
            self._tell(event, lambda watcher: service in watcher.services)

    def settle(self, *, settled: bool = True) -> None:
        with self.news:
            self.holdings.settled = settled

    def wait(self, until: Callable[[], bool], timeout: float = 10.0) -> None:
        """Until `until` holds; it is asked after everything that arrives. Raises TimeoutError."""
        with self.news:
            if not self.news.wait_for(until, timeout):
                raise TimeoutError(f"still not so after {timeout:g} s at {self!r}")

    # --- how it misbehaves

    def hush(self, *, hushed: bool = True) -> None:
        """Streams stay open and say nothing."""
        with self.news:
            self.hushed = hushed
            self.news.notify_all()

    def hang(self, *, hanging: bool = True) -> None:
        """Connections are accepted, requests are read, and no answer comes."""
        with self.news:
            self.hanging = hanging
            self.news.notify_all()

    def answer(self, status: int | None, code: str = "internal_error") -> None:
        """Answer every request with this problem. None: as usual again."""
        with self.news:
            self.answers_with = None if status is None else (status, code)

    def garble(self, written: bytes = b"event: upsert\ndata: {broken\n\n") -> None:
        """Write this into every watch stream."""
        self._write(written, lambda watcher: not watcher.session)

    def lie(self, times: int = 1) -> None:
        """The digest of the next `alive` messages is wrong."""
        with self.news:
            self.lies = times

    def go_away(self, reason: str = "stopping") -> None:
        self._tell(GoAwayEvent(reason), lambda watcher: not watcher.session)

    def ask_for_ack(self, service: str) -> int:
        """Ask every reader that promised it to acknowledge the service's revision, which is returned."""
        revision = self.holdings.revision_of(service)
        self._tell(AckEvent(service, revision), lambda watcher: watcher.acks and service in watcher.services)
        return revision

    def _tell(self, event: Event, whom: Callable[[Watcher], bool]) -> None:
        self._write(sse.frame(*events.encode(event)), whom)

    def _write(self, written: bytes, whom: Callable[[Watcher], bool]) -> None:
        with self.news:
            for watcher in filter(whom, self.watchers):
                watcher.outbox.append(written)
            self.news.notify_all()


def another_epoch() -> str:
    return uuid.uuid4().hex[:16]
