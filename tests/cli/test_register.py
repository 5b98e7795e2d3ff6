"""`muster register` that stays: an instance that is somebody else's process."""

import signal
import sys

import pytest
from tests.cli.terminal import muster
from tests.cli.wrapper.programs import started

from muster.cli.exits import Exit
from muster.testing import FakeRegistry

INSTANCE = ("--service", "web", "--id", "web-1", "--port", "8080")


def registering(url: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "muster", "register", *INSTANCE, "--url", url, *words)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_stays_until_it_is_asked_to_leave(name: str) -> None:
    with FakeRegistry() as registry, started(*registering(registry.url)) as process:
        process.expect("web-1 is registered")
        registry.wait(lambda: registry.sessions == {"web-1"})
        process.signal(signal.Signals[name])
        assert process.end() == 0
        assert process.lines[-1].startswith("drained: every reader knows")
        assert registry.holdings.get("web-1") is None


def test_once_leaves_the_heartbeats_to_others(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeRegistry() as registry:
        assert muster(capsys, "register", *INSTANCE, "--once", "--url", registry.url).code == Exit.OK
        assert registry.holdings.get("web-1") is not None


def test_a_refusal_ends_it() -> None:
    with FakeRegistry() as registry:
        registry.answer(401, "token_required")
        with started(*registering(registry.url)) as process:
            assert process.end() == Exit.DENIED
            assert "--token-file" in process.lines[-1]
