"""A registry in memory, and members of a service that a socket of the test's own stands for."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.wrapper.programs import free_port
from tests.client.conftest import QUICK

from muster.client import RegisterBody
from muster.integrations.description import describe
from muster.integrations.membership import Membership
from muster.testing import FakeRegistry

Member = Callable[..., Membership]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(alive_every=0.05) as registry:
        yield registry


class Silent(socketserver.BaseRequestHandler):
    """Reads whatever it is asked, and owes the answer."""

    def handle(self) -> None:
        while self.request.recv(1024):
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def serving(port: int) -> Iterator[int]:
    with Server(("127.0.0.1", port), Silent) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield port
        server.shutdown()


@pytest.fixture
def port() -> Iterator[int]:
    """One where somebody listens."""
    with serving(free_port()) as port:
        yield port


@pytest.fixture
def member(registry: FakeRegistry, port: int, tmp_path: Path) -> Iterator[Member]:
    """`member(port=..., limit=...)`: a started membership of `web`, left at the end."""
    with ExitStack() as stack:

        def start(**options: Any) -> Membership:
            body = RegisterBody(service="web", port=options.pop("port", port), instance_id="web-1")
            told = describe(body, urls=registry.url, environ={}, timing=QUICK)
            made = Membership(told, **{"directory": tmp_path / "crews"} | options)
            stack.callback(made.leave)
            made.start()
            return made

        yield start
