"""Connections that do nothing, or never take anything: thousands of them cost little and end."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller, Wire, head
from tests.httpapi.streaming import Stream, small_buffered

from muster.model import limits
from muster.server.app import Running
from muster.testing.process import RegistryProcess
from muster.testing.server import LocalRegistry
from muster.wire.events import AliveEvent

MEMORY = ("--store", "memory")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no such process")


@contextlib.contextmanager
def opened(port: int, count: int, said: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections that say `said` and then nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * count)), hard))
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sockets.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)))
            if said:
                sockets[-1].sendall(said)
        yield sockets


def ended(sockets: list[socket.socket]) -> int:
    """How many of them the other side has closed."""
    over = 0
    for each in sockets:
        each.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            try:
                over += each.recv(65_536) == b""
            except ConnectionError:
                over += 1
    return over


@pytest.mark.fault
@pytest.mark.parametrize("said", [b"", b"GET /livez HTTP/1.1\r\nHost: "], ids=["silent", "half a head"])
def test_thousands_of_connections_opened_and_left_cost_little(tmp_path: Path, said: bytes) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry, Caller("127.0.0.1", registry.port) as caller:
        caller.register("web", "web-1")
        before = resident_mb(registry.pid)
        with opened(registry.port, 5_000, said) as sockets:
            while caller.ask("GET", "/v1/status").json["connections"] <= len(sockets):
                assert caller.look("web").ids == ["web-1"]
            assert resident_mb(registry.pid) - before < 150


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize(
    "said", [b"", b"GET /livez HTTP/1.1\r\nHost: ", head("POST", "/v1/acks", "Content-Length: 9")]
)
def test_thousands_of_connections_opened_and_left_end_by_themselves(tmp_path: Path, said: bytes) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry, opened(registry.port, 5_000, said) as sockets:
        left = 5_000
        while left:
            threading.Event().wait(1)
            left -= ended(sockets)
            sockets = [each for each in sockets if each.fileno() != -1]
            with Caller("127.0.0.1", registry.port) as caller:
                if caller.ask("GET", "/v1/status").json["connections"] == 1:
                    break


@pytest.mark.fault
@pytest.mark.slow
def test_a_request_in_drops_ends_in_time(tmp_path: Path) -> None:
    """A byte a second, of a head and of a body: `REQUEST_TIMEOUT_S` counts from the first."""
    with RegistryProcess(tmp_path, *MEMORY) as registry:
        for begun in (b"", head("POST", "/v1/acks", "Content-Type: application/json", "Content-Length: 99")):
            with Wire("127.0.0.1", registry.port) as wire, contextlib.suppress(ConnectionError):
                wire.send(begun)
                for seconds in range(100):
                    wire.send(b"x")
                    threading.Event().wait(1)
                    assert seconds < limits.REQUEST_TIMEOUT_S + 4


# --- a watcher that never reads ---


def rss_after_churn(registry: RegistryProcess, caller: Caller, rounds: int) -> float:
    for weight in range(rounds):
        for n in range(0, 300, 5):
            caller.ask("PATCH", f"/v1/instances/web-{n}", {"weight": weight})
    return resident_mb(registry.pid)


@pytest.mark.fault
def test_watchers_that_never_read_cost_no_memory(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry, Caller("127.0.0.1", registry.port) as caller:
        for n in range(300):
            caller.register("web", f"web-{n}", static=True, metadata={"k": "v" * 500})
        watchers = [small_buffered("127.0.0.1", registry.port, 4096) for _ in range(50)]
        for each in watchers:
            each.sendall(head("GET", "/v1/watch?service=web"))
        before = rss_after_churn(registry, caller, 2)
        assert rss_after_churn(registry, caller, 12) - before < 50
        for each in watchers:
            each.close()


@pytest.mark.fault
def test_a_watcher_that_never_reads_is_cut_off_and_one_that_does_is_not() -> None:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        for n in range(300):
            caller.register("web", f"web-{n}", static=True, metadata={"k": "v" * 500})
        never = small_buffered(registry.host, registry.port, 4096)
        never.sendall(head("GET", "/v1/watch?service=web"))
        with Stream(registry.host, registry.port, "/v1/watch?service=web") as reading:
            reading.changes(1)
            registry.do(narrow)
            reader = threading.Thread(target=read_on, args=[reading])
            reader.start()
            for weight in range(1, 12):
                for n in range(0, 300, 5):
                    caller.ask("PATCH", f"/v1/instances/web-{n}", {"weight": weight})
            reader.join(20)
            assert reading.copy.services["web"]["web-0"].weight == 11
            for _ in range(2):  # the first look finds what it left, the second that it took nothing
                registry.do(ahead(limits.STREAM_STALLED_S + 1))
            while registry.do(lambda running: len(running.listener.streams())) > 1:
                threading.Event().wait(0.01)
            assert isinstance(reading.until(AliveEvent), AliveEvent)
        never.close()


def read_on(stream: Stream) -> None:
    """Take everything as it comes, up to the last change of the test."""
    stream.until(object, lambda event: stream.copy.services["web"]["web-0"].weight == 11)


def narrow(running: Running) -> None:
    """Let the kernel keep little for its connections."""
    for connection in running.listener._connections:
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def ahead(seconds: float) -> Callable[[Running], None]:
    """Let the coarse clock of its connections run ahead."""

    def run(running: Running) -> None:
        running.listener._timer.cancel()  # type: ignore[union-attr]
        running.listener.seconds += seconds
        running.listener._tick()

    return run


@pytest.mark.fault
@pytest.mark.slow
def test_a_watcher_that_never_reads_is_cut_off_in_real_time(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry, Caller("127.0.0.1", registry.port) as caller:
        for n in range(300):
            caller.register("web", f"web-{n}", static=True, metadata={"k": "v" * 500})
        never = small_buffered("127.0.0.1", registry.port, 4096)
        never.sendall(head("GET", "/v1/watch?service=web"))
        for weight in range(1, 2_000):
            caller.ask("PATCH", f"/v1/instances/web-{weight % 300}", {"weight": weight})
            if not caller.ask("GET", "/v1/status").json["watchers"] and weight > 10:
                break
            threading.Event().wait(0.02)
        assert caller.ask("GET", "/v1/status").json["watchers"] == 0
        never.close()
