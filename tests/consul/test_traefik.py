"""Another judge: Traefik with its Consul Catalog provider, in front of three backends, of which one is killed.

The services are registered with an HTTP check and Traefik's own labels as tags, as its documentation says; the retry it offers is
on, for nobody can know of a death before it happened.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.cli.wrapper.programs import free_port
from tests.consul.asking import health, ids, register, until
from tests.consul.conftest import SETTINGS
from tests.httpapi.asking import Caller
from tests.parts import require

from muster.testing.server import LocalRegistry

BACKEND = Path(__file__).parent / "backend.py"
NAMES = ("a", "b", "c")
START_S = 30.0
CALLS = 300
TAGS = [
    "traefik.enable=true",
    "traefik.http.routers.shop.rule=PathPrefix(`/`)",
    "traefik.http.routers.shop.middlewares=again",
    "traefik.http.middlewares.again.retry.attempts=3",
]


class Program:
    """A process that is killed in the end."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def traefik(registry: LocalRegistry) -> Iterator[int]:
    """Gives the port it listens on."""
    port = free_port()
    options = [
        "--log.level=ERROR",
        f"--entryPoints.web.address=127.0.0.1:{port}",
        f"--providers.consulCatalog.endpoint.address={registry.host}:{registry.port}",
        "--providers.consulCatalog.exposedByDefault=false",
        "--providers.consulCatalog.watch=true",
        "--providers.consulCatalog.refreshInterval=1s",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]
    program = Program(require("traefik"), *options)
    try:
        yield port
    finally:
        program.kill()


def call(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


@pytest.fixture
def real() -> Iterator[LocalRegistry]:
    """With probes that are sent."""
    with LocalRegistry(SETTINGS) as registry:
        yield registry


def test_traefik_balances_and_loses_no_request_when_a_backend_is_killed(real: LocalRegistry) -> None:
    with ExitStack() as stack, Caller(real.host, real.port) as caller:
        backends = {name: Program(sys.executable, str(BACKEND), name) for name in NAMES}
        for name, backend in backends.items():
            stack.callback(backend.kill)
            port = int(backend.line())
            check = {"HTTP": f"http://127.0.0.1:{port}/", "Interval": "1s"}
            register(caller, "shop", name, Port=port, Address="127.0.0.1", Tags=TAGS, Check=check)
        port = stack.enter_context(traefik(real))
        until(lambda: {call(port) for _ in range(6)} == {(200, name) for name in NAMES})
        before = Counter(call(port) for _ in range(CALLS))
        assert min(before.values()) > CALLS // 6, before
        backends["a"].kill()
        during = Counter(call(port) for _ in range(CALLS))
        assert {status for status, _ in during} == {200}, during
        until(lambda: call(port)[0] == 200 and ids(health(caller, "shop", "?passing")) == ["b", "c"])
        after = Counter(call(port) for _ in range(CALLS))
        assert set(after) == {(200, "b"), (200, "c")}
