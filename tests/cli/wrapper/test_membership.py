"""What is said of the registrar's doings, and that nobody waits for it."""

import pytest
from msgspec.structs import replace

from muster.cli.wrapper.membership import acknowledged_line, situation
from muster.client.registrar import Drained, RegistrarStatus

QUIET = RegistrarStatus(
    state="registering",
    service="web",
    instance_id="web-1",
    generation=0,
    session=False,
    renewed_ago=None,
    registrations=0,
    heartbeats=0,
    failure="",
)


@pytest.mark.parametrize(
    ("state", "failure", "line"),
    [
        ("registering", "", ""),
        ("registered", "", "web-1 is registered"),
        ("registering", "refused", "web-1 is registering, and will try again: refused"),
        ("registered", "\x1b[2J", "web-1 is registered, and will try again: \\x1b[2J"),
        ("superseded", "", "web-1 is out: a newer start of it is registered; the program goes on without us"),
        ("draining", "", ""),
    ],
)
def test_situation(state: str, failure: str, line: str) -> None:
    status = replace(QUIET, state=state, failure=failure)
    assert situation(status) == line


@pytest.mark.parametrize(
    ("drained", "line"),
    [
        (Drained(safe=True, waited_ms=12), "drained: every reader knows after 12 ms"),
        (Drained(safe=False, unacknowledged_count=3), "drained: 3 readers have not said that they know"),
        (Drained(safe=False, error="no answer"), "not drained: no answer"),
    ],
)
def test_told(drained: Drained, line: str) -> None:
    assert acknowledged_line(drained) == line
