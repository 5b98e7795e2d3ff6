"""The port: uvicorn accepts and reads requests, with our protocol, and leaves signals and the order of a stop to us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from muster.model import limits
from muster.server.certificates import Certificates
from muster.server.settings import Settings
from muster.web.asgi import App
from muster.web.listener import Listener
from muster.web.protocol import bound_to


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the stop is ours, in our order. `accepting` is set once it accepts connections.

    uvicorn begins the same way, but leaves a TLS handshake as long as the loop does, a minute.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=each,
                ssl=config.ssl,
                ssl_handshake_timeout=limits.TLS_HANDSHAKE_S if config.is_ssl else None,
                backlog=config.backlog,
            )
            for each in sockets or ()
        ]
        self.started = True
        self.accepting.set()

    def _connection(self) -> asyncio.Protocol:
        protocol = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def configured(settings: Settings, listener: Listener, certificates: Certificates | None) -> uvicorn.Config:
    return uvicorn.Config(
        App(listener),
        http=bound_to(listener),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=limits.BACKLOG,
        timeout_graceful_shutdown=max(int(settings.stop_within * limits.STOP_REQUESTS_SHARE), 1),
        ssl_context_factory=(lambda config, default: certificates.context) if certificates else None,
    )
