"""Instances of a service over real sockets, which answer as the test says."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from muster.testing import FakeRegistry

Say = Callable[["Instance", str, str], tuple[int, dict[str, str], bytes]]
"""(instance, method, path) -> status, headers, body."""


def hello(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, f"{instance.port} {method} {path}".encode()


class Instance:
    """`asked`: (method, path, Host header, body) of every request, in order; `headers`: all of each, by names in lower case. `say`
    may be replaced at any time."""

    def __init__(self, say: Say = hello) -> None:
        self.say = say
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is nothing to report here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        instance: Instance = self.server.instance
        instance.headers.append({name.lower(): value for name, value in self.headers.items()})
        instance.asked.append((self.command, self.path, self.headers.get("Host", ""), body))
        status, headers, content = instance.say(instance, self.command, self.path)
        if status == 0:  # hang up
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None:
        """Silent."""


def closed_port() -> int:
    """One where nobody listens."""
    with socketserver.TCPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port: int = server.server_address[1]
    return port


def listed(registry: FakeRegistry, *ports: int) -> None:
    for port in ports:
        registry.add("web", port=port)
