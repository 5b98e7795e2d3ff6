"""What the registry is told of failed calls: soon, not often, and not for ever."""

import pytest
from tests.client.told import web

from muster.client import endpoint
from muster.client.http import access
from muster.client.reports import Reports
from muster.model import limits
from muster.testing import FakeRegistry
from muster.testing.clock import ManualClock


def told(registry: FakeRegistry) -> list[str]:
    return [seen.path.split("/")[3] for seen in registry.requests if seen.path.endswith("/suspect")]


@pytest.fixture
def reports(registry: FakeRegistry, clock: ManualClock) -> Reports:
    return Reports(access(registry.url, namespace="default", token=None, tls=None), clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_nobody_is_reported_twice_in_a_row(
    registry: FakeRegistry, reports: Reports, clock: ManualClock
) -> None:
    one, other = endpoint.of(web(1)), endpoint.of(web(2))
    for each in (one, one, other):
        reports.tell(each)
    clock.advance(limits.CLIENT_REPORT_AGAIN_S)
    reports.tell(one)
    registry.wait(lambda: len(told(registry)) == 3)
    assert told(registry) == [one.id, other.id, one.id]
    reports.stop()
    reports.join(5)


def test_what_cannot_be_told_is_not_kept_for_ever(
    registry: FakeRegistry, reports: Reports, clock: ManualClock
) -> None:
    """A registry that hangs takes none, and whoever fails goes on failing."""
    registry.hang()
    for number in range(10 * limits.CLIENT_REPORTS):
        reports.tell(endpoint.of(web(number)))
        clock.advance(limits.CLIENT_REPORT_AGAIN_S)
    assert reports.waiting <= limits.CLIENT_REPORTS
    registry.hang(hanging=False)
    reports.stop()
    reports.join(5)
