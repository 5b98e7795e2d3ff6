"""What the tests against other people's programs share: a registry that serves names, and a program on a port."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.httpapi.asking import Caller
from tests.parts import require

from muster.server.settings import Address, Seconds, Settings
from muster.testing.server import LocalRegistry

ANYWHERE = Address("127.0.0.1", 0)
PATIENCE_S = 30.0
LOOKS_S = 0.05


@contextlib.contextmanager
def registry(ttl: float = 1.0) -> Iterator[LocalRegistry]:
    settings = Settings(listen=ANYWHERE, store="memory", dns=ANYWHERE, dns_ttl=Seconds(ttl))
    with LocalRegistry(settings) as running:
        yield running


def register(
    registry: LocalRegistry, id: str, host: str, port: int = 8080, namespace: str = "default", **more: object
) -> None:
    body = {"service": "web", "instance_id": id, "host": host, "port": port, "static": True, **more}
    with Caller(registry.host, registry.port) as caller:
        assert caller.ask("POST", f"/v1/register?namespace={namespace}", body).status in (200, 201)


def deregister(registry: LocalRegistry, id: str) -> None:
    with Caller(registry.host, registry.port) as caller:
        assert caller.ask("DELETE", f"/v1/instances/{id}").status == 204


def dig(at: Address, *words: str) -> str:
    """What `dig +short` prints, or whatever else it is asked for."""
    command = [require("dig"), f"@{at.host}", "-p", str(at.port), "+tries=1", "+timeout=5", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def answers(at: Address, *words: str) -> list[str]:
    return sorted(dig(at, "+short", *words).split("\n")[:-1])


@contextlib.contextmanager
def program(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs until the block ends. What it says is in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def until(condition: Callable[[], bool], log: Path | None = None) -> None:
    """Others work by their own clocks and tell nobody, so they are asked again and again."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / LOOKS_S)):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            if condition():
                return
        pause.wait(LOOKS_S)
    raise TimeoutError(log.read_text()[-4000:] if log else "it did not come to pass")


def free_port() -> int:
    """Of both transports, as far as can be told."""
    with socket.socket() as bound, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        return port
