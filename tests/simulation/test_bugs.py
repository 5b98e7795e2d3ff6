"""The simulator finds bugs: each of these, planted, breaks the promise it should within a few seeds."""

import pytest
from tests.simulation.bugs import BUGS, planted
from tests.simulation.oracle import Violation
from tests.simulation.world import simulate

pytestmark = pytest.mark.simulation

QUICK = (
    "silence_is_proof",
    "a_queued_expiry_cannot_be_called_off",
    "a_revival_leaves_the_lease_as_it_was",
    "the_newest_record_dates_its_service",
)
SEEDS = 40


def found(name: str) -> str | None:
    """The promise that is broken first."""
    for seed in range(SEEDS):
        try:
            with planted(name):
                simulate(seed)
        except Violation as violation:
            return str(violation).partition(":")[0]
    return None


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found(name: str) -> None:
    assert found(name) == BUGS[name][-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BUGS.keys() - set(QUICK)))
def test_a_shy_bug_is_found(name: str) -> None:
    assert found(name) == BUGS[name][-1]
