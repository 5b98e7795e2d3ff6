"""A registry of its own: the real command, on the server's core, in a directory that goes away."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bench import cores
from bench.process import Program, program, until_ready

HOST = "127.0.0.1"


class Registry:
    """A running registry. `ready_s` is the time from the start of the process to its first `ready`."""

    def __init__(self, running: Program, host: str, port: int, ready_s: float) -> None:
        self.running = running
        self.host = host
        self.port = port
        self.ready_s = ready_s
        self.url = f"http://{host}:{port}"
        self._connection = http.client.HTTPConnection(host, port, timeout=60)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request on a connection that stays open; its JSON. Raises `RuntimeError` on anything but 2xx."""
        sent = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, sent, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.decode()}")
        return msgspec.json.decode(answer) if answer else None

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/v1/status")
        return found


@contextmanager
def registry(
    *flags: str,
    store: str = "sqlite",
    data: Path | None = None,
    host: str = HOST,
    placed: Callable[..., list[str]] = cores.on_server,
) -> Iterator[Registry]:
    """`muster serve` with these flags on a free port, ready. With `data`, on what is there."""
    with TemporaryDirectory(prefix="muster-bench-") as own:
        port = free_port(host)
        where = ["--listen", f"{host}:{port}", "--data", str(data or own), "--store", store]
        command = placed(sys.executable, "-m", "muster", "serve", *where, *flags, "--log-level", "error")
        started = time.monotonic()
        with program(command) as running:
            ready = until_ready(f"http://{host}:{port}/readyz", running.process)
            yield Registry(running, host, port, ready - started)


def free_port(host: str = HOST) -> int:
    with socket.socket() as bound:
        bound.bind((host, 0))
        port: int = bound.getsockname()[1]
        return port


def body(number: int, service: str, **more: Any) -> dict[str, Any]:
    """A registration such as services really send, on a loopback address nobody listens on."""
    address = f"127.{1 + number // 65_025 % 250}.{1 + number // 255 % 255}.{1 + number % 255}"
    return {
        "service": service,
        "instance_id": f"{service}-{number}",
        "host": address,
        "port": 8080,
        "zone": f"z{number % 3}",
        "region": "r1",
        "version": "1.4.2",
        "metadata": {"team": "checkout", "commit": "8f1d2c3"},
        "incarnation": f"{number:032x}",
        **more,
    }
