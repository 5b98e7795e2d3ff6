"""A registry in memory, over a real loopback socket: for tests of whatever talks to one.

    with FakeRegistry() as registry:
        registry.add("web", port=8080)
        with Discovery(registry.url, ["web"]) as discovery:
            discovery.wait_ready()
            assert discovery.pick("web").port == 8080

It speaks the library's part of the HTTP API, keeps what it is told and decides nothing: no lease ends, no check runs. It
can misbehave in every way a registry, or the network before it, can: `cut`, `hush`, `hang`, `answer`, `garble`, `lie`,
`stop` and `start`. `wait` waits for what the code under test does to it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from types import TracebackType
from typing import Any, Self

from .conversation import Conversation
from .faked import Faked, another_epoch


class FakeRegistry(Faked):
    """`alive_every`: seconds between two `alive`. `page`: instances in one `snapshot` event. `holdings`: those of another one,
    which makes the two replicas. Methods may be called from any thread; they take effect on all open streams at once."""

    _port = 0
    _server: _Server | None = None

    def __repr__(self) -> str:
        return f"<FakeRegistry {self.url if self._port else 'not started'} {self.holdings!r}>"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """Close every connection, from one moment to the next."""
        if self._server is not None:
            self._server.cut()

    def lose_everything(self, *, settled: bool = False) -> None:
        """Another history with nothing in it, as after a disk was lost. Streams are closed."""
        with self.news:
            self.holdings.clear(another_epoch())
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
