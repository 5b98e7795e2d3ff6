"""`muster run` as a whole: real processes, real signals, and a registry in memory."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest
from tests.cli.wrapper.programs import SERVER, Wrapped, free_port, started

from muster.client import Discovery
from muster.testing import FakeRegistry


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


def wrapping(url: str, *options: str, command: tuple[str, ...] = SERVER) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "muster", "run", "--service", "web", "--id", "web-1"),
        *("--url", url, *options, "--", *command),
    )


@contextlib.contextmanager
def registered(registry: FakeRegistry, *options: str) -> Iterator[Wrapped]:
    """`muster run` around the slow server, until it is registered and holds its session."""
    with started(*wrapping(registry.url, "--port", str(free_port()), *options)) as wrapped:
        registry.wait(lambda: registry.sessions == {"web-1"})
        yield wrapped


def asked(registry: FakeRegistry, method: str) -> list[str]:
    return [seen.path for seen in registry.requests if seen.method == method]


def test_what_is_registered_is_what_was_said(registry: FakeRegistry) -> None:
    options = ("--zone", "a", "--version", "2", "--tag", "x", "--meta", "team=blue", "--weight", "7")
    with registered(registry, *options, "--endpoint", "metrics=9090", "--host", "127.0.0.1"):
        view = registry.holdings.get("web-1")
        assert view is not None
        assert (view.service, view.zone, view.version, view.weight) == ("web", "a", "2", 7)
        assert (view.tags, view.metadata) == (("x",), {"team": "blue"})
        assert [(each.name, each.protocol) for each in view.endpoints] == [
            ("default", "http"),
            ("metrics", "http"),
        ]


def test_the_program_is_told_its_port_and_keeps_its_output(registry: FakeRegistry) -> None:
    command = ("sh", "-c", "echo $PORT; echo oops >&2; exit 3")
    with started(*wrapping(registry.url, "--port", "4321", command=command)) as wrapped:
        assert wrapped.end() == 3
        assert wrapped.lines[:2] == ["4321", "oops"]
        assert wrapped.lines[2:] == ["muster: the program ended with exit code 3; nobody had asked it to"]


def test_a_port_that_somebody_has_already_is_told(registry: FakeRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with started(*wrapping(registry.url, "--port", str(port), command=("true",))) as wrapped:
            wrapped.end()
    assert f"127.0.0.1:{port} answers before the program has started" in wrapped.lines[0]


def test_term_drains_serves_on_then_ends_and_leaves_nothing_behind(registry: FakeRegistry) -> None:
    with registered(registry) as wrapped:
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 0
        assert wrapped.lines[-2:] == ["muster: drained: every reader knows after 0 ms", "term"]
        assert asked(registry, "POST")[-1] == "/v1/instances/web-1/drain"
        assert asked(registry, "DELETE") == ["/v1/instances/web-1"]


def test_the_signal_waits_for_readers_to_acknowledge(registry: FakeRegistry) -> None:
    with registered(registry) as wrapped, Discovery(registry.url, ["web"]) as reader:
        reader.wait_ready()
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 0
        assert reader.status().counts.acknowledged == 1


def test_a_program_that_dies_is_deregistered_at_once(registry: FakeRegistry) -> None:
    command = ("sh", "-c", f"echo pid $$; exec {' '.join(SERVER)}")
    with started(*wrapping(registry.url, "--port", str(free_port()), command=command)) as wrapped:
        pid = int(wrapped.expect("pid").split()[1])
        registry.wait(lambda: registry.holdings.get("web-1") is not None)
        os.kill(pid, signal.SIGKILL)
        registry.wait(lambda: registry.holdings.get("web-1") is None)
        assert wrapped.end() == 128 + signal.SIGKILL


def test_a_program_that_dies_before_it_serves_is_never_registered(registry: FakeRegistry) -> None:
    with started(*wrapping(registry.url, "--port", str(free_port()), command=("false",))) as wrapped:
        assert wrapped.end() == 1
    assert not registry.requests


def test_it_registers_when_the_registry_comes_back(registry: FakeRegistry) -> None:
    registry.stop()
    with started(*wrapping(registry.url, "--port", str(free_port()))) as wrapped:
        wrapped.expect("will try again")
        registry.start()
        wrapped.expect("web-1 is registered")
        assert registry.holdings.get("web-1") is not None


@pytest.mark.parametrize("trouble", ["stop", "hang"])
def test_the_signal_is_handed_on_though_the_registry_is_away(registry: FakeRegistry, trouble: str) -> None:
    """Promptly: long before the wait for readers, or the limit, would be over."""
    with registered(registry, "--drain-wait", "60s", "--limit", "120s") as wrapped:
        registry.hang()
        registry.cut()
        if trouble == "stop":
            registry.hang(hanging=False)
            registry.stop()
        registry.wait(lambda: not registry.sessions)
        began = time.monotonic()
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 0
        assert time.monotonic() - began < 30
        assert "term" in wrapped.lines
        registry.hang(hanging=False)


def test_superseded_it_goes_on_serving_and_says_so(registry: FakeRegistry) -> None:
    with registered(registry, "--ttl", "2s") as wrapped:
        registry.answer(409, "superseded")
        wrapped.expect("web-1 is out")
        assert wrapped.process.poll() is None


def test_no_wait_registers_before_anything_listens(registry: FakeRegistry) -> None:
    command = ("sleep", "60")
    with started(
        *wrapping(registry.url, "--port", str(free_port()), "--no-wait", command=command)
    ) as wrapped:
        wrapped.expect("web-1 is registered")


def test_a_wrong_registration_starts_nothing(registry: FakeRegistry) -> None:
    command = ("sh", "-c", "echo started")
    with started(*wrapping(registry.url, "--port", "80", "--tag", "x" * 300, command=command)) as wrapped:
        assert wrapped.end() == 2
        assert wrapped.lines[-1].startswith("Error: tags[0]: must be at most 255 characters")


def test_on_a_terminal_the_program_is_not_interrupted_before_the_drain(registry: FakeRegistry) -> None:
    """^C goes to everybody in the terminal's foreground; the program has a session of its own."""
    show = "import os; print('apart' if os.getsid(0) == os.getpid() else 'together')"
    with started(*wrapping(registry.url, "--port", "80", command=(sys.executable, "-c", show))) as wrapped:
        wrapped.expect("apart")


def test_callers_lose_nothing_while_it_stops(registry: FakeRegistry) -> None:
    """Requests that are sent until the drain is known, slow ones, all get their answers."""
    port = free_port()
    with started(*wrapping(registry.url, "--port", str(port))) as wrapped:
        registry.wait(lambda: registry.sessions == {"web-1"})
        callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for number, caller in enumerate(callers):
            caller.sendall(f"{number * 0.3}\n".encode())
        wrapped.signal(signal.SIGTERM)
        assert [caller.recv(16) for caller in callers] == [b"done\n"] * 5
        for caller in callers:
            caller.close()
        assert wrapped.end() == 0
