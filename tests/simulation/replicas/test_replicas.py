"""Several replicas on one store, in small worlds that go wrong, each from one seed: `make simulate SEEDS=5000`."""

import pytest
from tests.simulation.oracle import Violation
from tests.simulation.replicas.oracle import HEARD
from tests.simulation.replicas.replica import NetworkPeers
from tests.simulation.replicas.world import simulate

from muster.registry.replicas.port import Heard, Inquiry, Member

pytestmark = pytest.mark.simulation

SEEDS = 40


def test_replicas_keep_every_promise(seed: int) -> None:
    simulate(seed)


class NobodyHeard(NetworkPeers):
    """The bug: whoever is asked has never heard of it, and promises nothing."""

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        return Heard([None] * len(inquiry.questions))


def test_an_ask_that_always_hears_no_is_found() -> None:
    broken = (violation(seed) for seed in range(SEEDS))
    assert HEARD in {promise.partition(":")[0] for promise in broken if promise}


def violation(seed: int) -> str | None:
    try:
        simulate(seed, NobodyHeard)
    except Violation as found:
        return str(found)
    return None
