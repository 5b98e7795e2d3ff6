"""A registry in memory, over a real loopback socket: for tests of whatever talks to one.

    with FakeRegistry() as registry:
        registry.add("web", port=8080)
        with Discovery(registry.url, ["web"]) as discovery:
            discovery.wait_ready()
            assert discovery.pick("web").port == 8080

It speaks the library's part of the HTTP API, keeps what it is told and decides nothing: no lease ends, no check runs. It
can misbehave in every way a registry, or the network before it, can: `cut`, `hush`, `hang`, `answer`, `garble`, `lie`,
`restart`. `wait` waits for what the code under test does to it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import uuid
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from muster.model.instance import Endpoint
from muster.model.policy import Policy
from muster.wire import events, sse
from muster.wire.events import AckEvent, Event, GoAwayEvent
from muster.wire.view import InstanceView

from .conversation import Conversation, Seen
from .holdings import Holdings

_PAGE = 500
_REQUESTS_KEPT = 10_000


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


class FakeRegistry:
    """`alive_every`: seconds between two `alive`. `page`: instances in one `snapshot` event. `holdings`: those of another one,
    which makes the two replicas. Methods may be called from any thread; they take effect on all open streams at once."""

    def __init__(
        self, *, alive_every: float = 0.1, page: int = _PAGE, holdings: Holdings | None = None
    ) -> None:
        self.alive_every = alive_every
        self.page = page
        self.holdings = holdings or Holdings(_epoch())
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
        self._port = 0
        self._server: _Server | None = None

    def __repr__(self) -> str:
        return f"<FakeRegistry {self.url if self._port else 'not started'} {self.holdings!r}>"

    # --- what it holds

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

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

    def cut(self) -> None:
        """Close every connection, from one moment to the next."""
        if self._server is not None:
            self._server.cut()

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

    def lose_everything(self, *, settled: bool = False) -> None:
        """Another history with nothing in it, as after a disk was lost. Streams are closed."""
        with self.news:
            self.holdings.clear(_epoch())
            self.holdings.settled = settled
            self.incarnations.clear()
        self.cut()

    def stop(self) -> None:
        """Nobody listens any more; every connection is closed."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def start(self) -> None:
        """On the port it had before, if it had one."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang(hanging=False)
        self.stop()

    def _tell(self, event: Event, whom: Callable[[Watcher], bool]) -> None:
        self._write(sse.frame(*events.encode(event)), whom)

    def _write(self, written: bytes, whom: Callable[[Watcher], bool]) -> None:
        with self.news:
            for watcher in filter(whom, self.watchers):
                watcher.outbox.append(written)
            self.news.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    """Accepts, and remembers every connection so that it can be cut."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, registry: FakeRegistry, port: int) -> None:
        self.registry = registry
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that ends in the middle is nothing to report here."""

    def cut(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with self.registry.news:
            self.registry.news.notify_all()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.cut()


def _epoch() -> str:
    return uuid.uuid4().hex[:16]
