"""A real Consul agent, on ports of its own."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.httpapi.asking import Caller
from tests.parts import require

PATIENCE_S = 20.0


@contextmanager
def running(directory: Path) -> Iterator[int]:
    """A real agent that is its own server, and the port of its HTTP API."""
    http, *others = free_ports(4)
    names = ("server", "serf-lan", "serf-wan")
    ports = [f"-{name}-port={port}" for name, port in zip(names, others, strict=True)]
    words = [
        require("consul"),
        "agent",
        "-dev",
        "-bind=127.0.0.1",
        "-node=home",
        f"-http-port={http}",
        *ports,
    ]
    words += ["-dns-port=-1", "-grpc-port=-1", "-grpc-tls-port=-1", "-log-level=error"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=directory)
        try:
            wait_for_leader(process, http)
            yield http
        finally:
            process.terminate()
            process.wait()


def wait_for_leader(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it has elected itself and registered its own node."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.1)):
        if process.poll() is not None:
            break
        try:
            with Caller("127.0.0.1", port) as caller:
                if caller.ask("GET", "/v1/health/node/home").body.strip() != b"[]":
                    return
        except OSError:
            pass
        pause.wait(0.1)
    raise TimeoutError("no leader")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
