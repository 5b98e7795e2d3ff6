"""A rolling restart under load: real registry, real programs, callers that never pause. Nobody notices."""

import signal
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.cli.serving import serving
from tests.cli.wrapper.programs import SERVER, Wrapped, free_port, started

from muster.client import Bound, Discovery, Mirror

INSTANCES = 2
CALLERS = 4
THINKING = (0.0, 0.01, 0.6)
"""Seconds that the program takes for its answers, in turn: the last is longer than it has to be quiet to count as idle."""


class Caller(threading.Thread):
    """Calls whoever is picked, over connections that it keeps for as long as an instance lives."""

    def __init__(self, discovery: Discovery) -> None:
        super().__init__(daemon=True)
        self._discovery = discovery
        self._kept: dict[tuple[str, int], socket.socket] = {}
        self.stopping = threading.Event()
        self.answered = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            endpoint = self._discovery.pick("web")
            try:
                self._call(endpoint.host, endpoint.port, endpoint.instance.generation)
            except OSError as error:
                self.failures.append(f"{endpoint}: {error}")

    def _call(self, host: str, port: int, generation: int) -> None:
        key = (f"{host}:{port}", generation)
        if key not in self._kept:
            self._kept[key] = socket.create_connection((host, port), timeout=10)
        self._kept[key].sendall(f"{THINKING[self.answered % len(THINKING)]}\n".encode())
        if self._kept[key].recv(16) != b"done\n":
            raise ConnectionError("no answer")
        self.answered += 1


def instance(stack: ExitStack, url: str, port: int) -> Wrapped:
    command = [sys.executable, "-m", "muster", "run", "--service", "web", "--port", str(port), "--url", url]
    return stack.enter_context(started(*command, "--", *SERVER))


def until_there(discovery: Discovery, count: int) -> None:
    """Until callers see so many."""
    seen = threading.Event()

    def look(mirror: Mirror) -> None:
        if isinstance(mirror, Bound) and len(mirror.instances) == count:
            seen.set()

    end = discovery.on_change(look)
    look(discovery.mirror("web"))
    assert seen.wait(30)
    end()


def test_a_rolling_restart_under_load_loses_no_request(tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(serving(tmp_path)).url
        discovery = stack.enter_context(Discovery(url, ["web"]))
        running = {port: instance(stack, url, port) for port in (free_port() for _ in range(INSTANCES))}
        until_there(discovery, INSTANCES)
        callers = [Caller(discovery) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for port, wrapped in running.items():
            wrapped.signal(signal.SIGTERM)
            assert wrapped.end() == 0
            instance(stack, url, port)
            until_there(discovery, INSTANCES)
        for caller in callers:
            caller.stopping.set()
            caller.join(timeout=10)
        assert [failure for caller in callers for failure in caller.failures] == []
        assert all(caller.answered for caller in callers)
