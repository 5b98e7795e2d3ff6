"""Several replicas on one store, in small worlds that go wrong, each from one seed: `make simulate SEEDS=5000`."""

import pytest
from tests.simulation.oracle import Violation
from tests.simulation.replicas.flapping import FlappingWorld, RestartingWorld
from tests.simulation.replicas.oracle import EQUAL, HEARD, LEAVE
from tests.simulation.replicas.replica import NetworkPeers
from tests.simulation.replicas.world import simulate

from muster.registry.replicas.port import Compared, Comparison, Heard, Inquiry, Member

pytestmark = pytest.mark.simulation

SEEDS = 40
FORGETS = 0.1
"""The share of changes that a replica is not told of, in worlds where that happens."""


def test_replicas_keep_every_promise(seed: int) -> None:
    simulate(seed)


def test_replicas_that_are_not_told_everything_agree_in_the_end(seed: int) -> None:
    simulate(seed, forgets=FORGETS)


def test_a_replica_that_comes_and_goes_does_not_keep_the_dead(seed: int) -> None:
    world = simulate(seed, world=FlappingWorld)
    assert isinstance(world, FlappingWorld)
    assert world.memberships > 5


def test_a_replica_that_restarts_again_and_again_does_not_keep_the_dead(seed: int) -> None:
    world = simulate(seed, world=RestartingWorld)
    assert isinstance(world, FlappingWorld)
    assert world.memberships > 5


class NobodyCompares(NetworkPeers):
    """The bug: replicas never learn what the others hold."""

    async def compare(self, member: Member, comparison: Comparison) -> Compared:
        return Compared([])


def test_without_comparing_they_do_not() -> None:
    broken = (violation(seed, NobodyCompares, FORGETS) for seed in range(SEEDS))
    assert {EQUAL, LEAVE} & {promise.partition(":")[0] for promise in broken if promise}


class NobodyHeard(NetworkPeers):
    """The bug: whoever is asked has never heard of it, and promises nothing."""

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        return Heard([None] * len(inquiry.questions))


def test_an_ask_that_always_hears_no_is_found() -> None:
    broken = (violation(seed, NobodyHeard) for seed in range(SEEDS))
    assert HEARD in {promise.partition(":")[0] for promise in broken if promise}


def violation(seed: int, peers: type[NetworkPeers], forgets: float = 0.0) -> str | None:
    try:
        simulate(seed, peers, forgets)
    except Violation as found:
        return str(found)
    return None
