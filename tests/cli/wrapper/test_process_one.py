"""The wrapper as process 1 of a container: signals reach it, and orphans are buried."""

import signal
import socket
import sys

import pytest
from tests.cli.wrapper.programs import HERE, alone, started
from tests.parts import require


@pytest.fixture(autouse=True)
def namespaces() -> None:
    require("pidns")


def contained(*command: str) -> tuple[str, ...]:
    return ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *alone(*command))


def test_term_reaches_process_one() -> None:
    """The kernel gives process 1 no signal that it does not handle."""
    with started(*contained("sh", "-c", "kill -TERM 1; exec sleep 60")) as wrapped:
        assert wrapped.end() == 128 + 15
        assert wrapped.lines == ["join", "drain", "told", "leave"]


def test_orphans_are_reaped() -> None:
    with started(*contained(sys.executable, str(HERE / "orphans.py"))) as wrapped:
        wrapped.expect("reaped")
        assert wrapped.end() == 0


def test_the_exit_code_is_still_the_programs() -> None:
    with started(*contained("sh", "-c", "exit 7")) as wrapped:
        assert wrapped.end() == 7


def test_term_ends_a_verb_that_does_not_handle_it() -> None:
    """And so it ends any verb at its start, before its own handlers are there."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        verb = (sys.executable, "-m", "muster", "services", "--url", url)
        with started("unshare", "--pid", "--fork", "--kill-child", *verb) as outside:
            connection, _ = silent.accept()
            with connection:
                outside.signal_child(signal.SIGTERM)
                assert outside.end() == 128 + 15
