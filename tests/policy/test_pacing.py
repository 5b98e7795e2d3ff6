"""Long work in slices."""

from collections.abc import Iterator
from random import Random

import pytest
from tests.policy.world import webs

from muster.model import limits
from muster.model.policy import Balancer, Locality, Policy
from muster.policy.building import build
from muster.policy.endpoint import Place
from muster.policy.memory import Memory
from muster.policy.pacing import paced


def test_a_pause_comes_before_each_slice() -> None:
    paused: list[int] = []
    told: list[int] = []

    def items() -> Iterator[int]:
        for number in paced(range(2 * limits.BUILD_SLICE + 1), lambda: paused.append(len(told))):
            told.append(number)
            yield number

    assert list(items()) == list(range(2 * limits.BUILD_SLICE + 1))
    assert paused == [0, limits.BUILD_SLICE, 2 * limits.BUILD_SLICE]


def test_nothing_needs_no_pause() -> None:
    assert list(paced((), lambda: pytest.fail("there was nothing to do"))) == []


@pytest.mark.parametrize("balancer", ["p2c", "round_robin", "least_requests", "weighted_random"])
def test_every_step_of_a_build_pauses(balancer: str) -> None:
    """Adopting, gathering, counting marks, judging, sorting by nearness, measuring, the row: each looks at all of them."""
    many, pauses = webs(range(4 * limits.BUILD_SLICE)), [0]
    policy = Policy(balancer=Balancer(name=balancer), locality=Locality(mode="zone_aware"))  # type: ignore[arg-type]

    def pause() -> None:
        pauses[0] += 1

    build(many, policy, Place("a", "r"), Memory(policy, 0.0), 0.0, Random(1), pause=pause)
    assert pauses[0] >= 7 * 4
