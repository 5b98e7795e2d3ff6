"""The end of a registry: announced, in order, within its limit; and its life under systemd."""

import signal
import socket
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller, Wire, head
from tests.httpapi.streaming import Stream
from tests.web.test_connections import post, registration

from muster.server.app import Running
from muster.testing.process import RegistryProcess
from muster.testing.server import LocalRegistry
from muster.wire.events import GoAwayEvent, SnapshotEvent

MEMORY = ("--store", "memory")


def test_term_ends_it_in_order_with_0(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path) as registry:
        with Caller("127.0.0.1", registry.port) as caller:
            caller.register("web", "web-1")
        stream = Stream("127.0.0.1", registry.port, "/v1/watch?service=web")
        assert isinstance(stream.next(), SnapshotEvent)
        assert registry.stop() == 0
        assert isinstance(stream.to_the_end()[-1], GoAwayEvent)
        assert [line["event"] for line in registry.lines] == ["serving", "stopping", "stopped"]

        registry.start()
        with Caller("127.0.0.1", registry.port) as caller:
            assert caller.look("web").ids == ["web-1"]


def test_it_is_not_ready_while_it_stops_and_turns_new_readers_away() -> None:
    with LocalRegistry() as registry, Caller(registry.host, registry.port) as caller:
        assert caller.ask("GET", "/readyz").json == {"status": "ready", "store_trouble": ""}
        registry.do(stopping)
        told = caller.ask("GET", "/readyz")
        assert told.problem == (503, "stopping", None)
        assert told.headers["retry-after"] == "1"
        assert caller.ask("GET", "/v1/watch?service=web").problem == (503, "stopping", None)
        assert caller.ask("GET", "/livez").status == 200


def stopping(running: Running) -> None:
    running.listener.stopping = True


def test_requests_under_way_are_answered(tmp_path: Path) -> None:
    """A drain that waits, with what is known by then, and a registration of which half has arrived."""
    with RegistryProcess(tmp_path) as registry, Caller("127.0.0.1", registry.port) as caller:
        caller.register("web", "web-1")
        stream = Stream("127.0.0.1", registry.port, "/v1/watch?service=web&ack=1")
        stream.next()
        with Wire("127.0.0.1", registry.port) as waiting, Wire("127.0.0.1", registry.port) as half:
            waiting.send(head("POST", "/v1/instances/web-1/drain?wait=60s", "Content-Length: 0"))
            whole = post("/v1/register", registration("web", "web-2"))
            half.send(whole[:-5])
            stream.changes(2)
            registry.signal(signal.SIGTERM)
            registry.wait_for(lambda line: line["event"] == "stopping")
            half.send(whole[-5:])
            assert half.answer().status == 201
            told = waiting.answer().json
            assert (told["safe"], told["unacknowledged_count"]) == (False, 1)
        assert registry.end() == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry, Wire("127.0.0.1", registry.port) as wire:
        never_taken(wire, registry.port)
        registry.signal(signal.SIGTERM)
        registry.wait_for(lambda line: line["event"] == "stopping")
        registry.signal(signal.SIGINT)
        assert registry.end(timeout=5) == 1
        assert registry.lines[-1]["reason"] == "asked a second time"


def test_the_limit_holds_whatever_is_under_way(tmp_path: Path) -> None:
    with (
        RegistryProcess(tmp_path, *MEMORY, "--stop-within", "2s") as registry,
        Wire("127.0.0.1", registry.port) as wire,
    ):
        never_taken(wire, registry.port)
        registry.signal(signal.SIGTERM)
        assert registry.end(timeout=8) in (0, 1)


def never_taken(wire: Wire, port: int) -> None:
    """An answer too large for the sockets between us, which nobody reads."""
    with Caller("127.0.0.1", port) as caller:
        for n in range(64):
            caller.register("web", f"web-{n}", metadata={str(m): "v" * 500 for m in range(30)})
    wire.send(head("GET", "/v1/services/web/instances") * 40)
    assert wire.line() == b"HTTP/1.1 200 OK\r\n"


def test_a_stopped_process_ends_too(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path, *MEMORY) as registry:
        registry.signal(signal.SIGSTOP)
        registry.signal(signal.SIGTERM)
        registry.signal(signal.SIGCONT)
        assert registry.end() == 0


# --- systemd ---


@pytest.fixture
def notified(tmp_path: Path) -> socket.socket:
    """Where systemd hears how its service is."""
    hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    hearing.bind(str(tmp_path / "notify"))
    hearing.settimeout(20)
    return hearing


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(tmp_path: Path, notified: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": notified.getsockname(), "WATCHDOG_USEC": "200000"}
    with notified, RegistryProcess(tmp_path, *MEMORY, environ=environ) as registry:
        heard = [notified.recv(4096).decode().splitlines() for _ in range(3)]
        assert ["READY=1", f"STATUS=serving {registry.url}"] in heard
        assert ["WATCHDOG=1"] in heard
        registry.stop()
        while (told := notified.recv(4096)) == b"WATCHDOG=1":
            pass
        assert told == b"STOPPING=1"


def test_it_serves_on_a_socket_that_systemd_holds(tmp_path: Path) -> None:
    """And a connection made before it was there is answered by it."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        as_systemd = ("bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{held.fileno()}', "bash")
        registry = RegistryProcess(tmp_path, *MEMORY, wrapper=as_systemd, pass_fds=[held.fileno()])
        with Wire("127.0.0.1", port) as early:
            early.send(head("GET", "/readyz"))
            with registry:
                assert registry.port == port
                assert early.answer().status == 200
                assert registry.stop() == 0


# --- starts that cannot be ---


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        registry = RegistryProcess(tmp_path)
        registry.port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match="is another registry running"):
            registry.start()
        assert registry.end() == 1


def test_two_registries_do_not_share_a_database(tmp_path: Path) -> None:
    with RegistryProcess(tmp_path), pytest.raises(RuntimeError, match="cannot start"):
        RegistryProcess(tmp_path).start()
