"""The life of a wrapped program, with real processes and real signals, and a registry that only listens."""

import contextlib
import os
import signal
import socket
import subprocess

import pytest
from tests.cli.wrapper.programs import SERVER, Wrapped, alone, free_port, started


def test_it_registers_when_the_port_answers_and_not_before() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        assert "ready" in wrapped.lines


def test_term_drains_then_hands_the_signal_on_then_deregisters() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 0
        assert wrapped.lines[-4:] == ["drain", "told", "term", "leave"]


def test_a_request_under_way_is_answered_before_the_signal_is_handed_on() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"1.5\n")
            wrapped.signal(signal.SIGTERM)
            assert caller.recv(16) == b"done\n"
            assert wrapped.end() == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT"])
def test_other_ways_to_ask_are_handed_on_as_they_came(name: str) -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        wrapped.signal(signal.Signals[name])
        wrapped.end()
        assert wrapped.lines[-2:] == [name.removeprefix("SIG").lower(), "leave"]


def test_a_second_request_is_handed_on_at_once() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port, answer="silent"), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        wrapped.signal(signal.SIGTERM)
        wrapped.expect("drain")
        ask_until_over(wrapped)
        wrapped.end()
        assert "term" in wrapped.lines
        assert wrapped.lines[-1] == "leave"


def ask_until_over(wrapped: Wrapped) -> None:
    """The first repeats may still count as the same request."""
    while wrapped.process.poll() is None:
        wrapped.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            wrapped.process.wait(timeout=0.1)


def test_the_limit_holds_when_the_drain_never_ends() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port, answer="silent"), PORT=str(port), LIMIT="0.5") as wrapped:
        wrapped.expect("join")
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 0
        assert wrapped.lines[-2:] == ["term", "leave"]


def test_the_limit_holds_when_callers_never_stop() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port), LIMIT="0.5") as wrapped:
        wrapped.expect("join")
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"60\n")
            wrapped.signal(signal.SIGTERM)
            assert wrapped.end() == 0
        assert wrapped.lines[-3:] == ["still busy after 0.5 s: stopping it all the same", "term", "leave"]


def test_asked_before_the_port_answers_there_is_nothing_to_drain() -> None:
    with started(*alone("sh", "-c", "echo up; exec sleep 60", port=free_port())) as wrapped:
        wrapped.expect("up")
        wrapped.signal(signal.SIGTERM)
        assert wrapped.end() == 128 + signal.SIGTERM
        assert wrapped.lines[-1:] == ["leave"]
        assert "drain" not in wrapped.lines


def test_other_signals_are_the_programs_own() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        wrapped.signal(signal.SIGHUP)
        wrapped.expect("hup")


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ("exit 0", 0, []),
        ("exit 7", 7, ["the program ended with exit code 7; nobody had asked it to"]),
        ("kill -9 $$", 128 + 9, ["the program ended by SIGKILL; nobody had asked it to"]),
        ("kill -TERM $$", 128 + 15, ["the program ended by SIGTERM; nobody had asked it to"]),
    ],
)
def test_the_exit_code_is_the_programs(script: str, code: int, told: list[str]) -> None:
    with started(*alone("sh", "-c", script)) as wrapped:
        assert wrapped.end() == code
        assert wrapped.lines == ["join", "leave", *told]


def test_a_program_that_is_killed_is_reported() -> None:
    with started(*alone("sh", "-c", "echo pid $$; exec sleep 60")) as wrapped:
        pid = int(wrapped.expect("pid").split()[1])
        os.kill(pid, signal.SIGKILL)
        assert wrapped.end() == 128 + 9
        assert "leave" in wrapped.lines


def test_a_program_that_ends_while_it_drains_was_asked() -> None:
    with started(*alone("sh", "-c", "echo pid $$; exec sleep 60", answer="silent")) as wrapped:
        pid = int(wrapped.expect("pid").split()[1])
        wrapped.signal(signal.SIGTERM)
        wrapped.expect("drain")
        os.kill(pid, signal.SIGKILL)
        assert wrapped.end() == 128 + 9
        assert wrapped.lines[-1] == "leave"


def test_the_program_outlives_a_wrapper_that_is_killed() -> None:
    port = free_port()
    with started(*alone(*SERVER, port=port), PORT=str(port)) as wrapped:
        wrapped.expect("join")
        wrapped.process.kill()
        wrapped.process.wait()
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(b"0\n")
            assert caller.recv(16) == b"done\n"


def test_a_command_that_is_not_there() -> None:
    with started(*alone("no-such-command-here")) as wrapped:
        assert wrapped.end() == 127
        assert wrapped.lines == ["muster: no-such-command-here: there is no such command"]


def test_a_command_that_cannot_be_executed() -> None:
    with started(*alone("/")) as wrapped:
        assert wrapped.end() == 126


def test_the_program_has_the_signals_it_would_have_without_us() -> None:
    """Blocked and ignored signals survive an exec: none of ours, and none of Python's, may."""
    show = ("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
    with started(*alone(*show)) as wrapped, started(*show) as bare:
        assert (wrapped.end(), bare.end()) == (0, 0)
        assert masks(wrapped) == masks(bare)


def masks(shown: Wrapped) -> list[int]:
    """Of the signals 1 to 31; posix_spawn of glibc ignores 32 and 33, which are its own."""
    return [int(line.split()[1], 16) & 0x7FFF_FFFF for line in shown.lines if line.startswith("Sig")]
