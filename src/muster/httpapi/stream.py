"""A watch on a socket: its head, its pulse, its end. What it says is `watch.py`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muster.httpapi.watch import Subscription, Watch
from muster.wire import sse

if TYPE_CHECKING:
    from muster.httpapi.service import Service


class Stream:
    """One stream. `service` is what it shares with all others; `address` its peer's."""

    def __init__(self, service: Service, asked: Subscription, address: str) -> None:
        self._service = service
        self._transport: Any = None
        self._ended = False
        self._gone = False
        self._asked = asked
        self.watch = Watch(service.registry, asked, service.new_subscriber(), address)

    @property
    def sessions(self) -> int:
        return len(self._asked.sessions)

    def start(self, transport: Any, date: bytes) -> None:
        self._transport = transport
        transport.write(
            b"HTTP/1.1 200 OK\r\n"
            + date
            + b"content-type: text/event-stream\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n"
            + f"muster-subscriber: {self.watch.name}\r\n".encode()
            + f"muster-epoch: {self._service.registry.epoch}\r\n\r\n".encode()
        )
        self._service.pulse.add(self)
        self.watch.open(transport.write)

    def beat(self) -> None:
        self.watch.pulse()

    def full(self) -> None:
        self.watch.full()

    def writable(self) -> None:
        self.watch.writable()

    def gone(self) -> None:
        """The socket is closed: what is said from now on is said to nobody. `lost` follows when there is time for it."""
        self._gone = True
        self.watch.mute()

    def go_away(self, reason: str) -> None:
        if not (self._ended or self._gone):
            self._ended = True
            self.watch.go_away(reason)
            self._transport.write(sse.LAST_CHUNK)
            self._transport.close()

    def lost(self) -> None:
        """The connection is gone: by our own word, or not."""
        self._service.pulse.remove(self)
        self.watch.close(lost=not self._ended)
