"""What holds for every balancer: nobody gets much more or less than its share, and a change moves no more than it must."""

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.world import Caller, Web, eject, web, webs

from muster.model.policy import Balancer, BalancerName, Policy
from muster.policy.balancers import DRAWN, KEYED

EVERYONE: list[BalancerName] = [*DRAWN, *KEYED]
UNWEIGHTED = ("round_robin", "random")
SURE = 5.0
"""Standard deviations."""
PICKS = 1_000
KEYS = [f"user-{number}" for number in range(200)]
WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=10)


def balanced(name: BalancerName, endpoints: list[Web]) -> Caller:
    return Caller(endpoints, Policy(balancer=Balancer(name=name, table_size=1009, minimum_ring_size=1024)))


def owners(caller: Caller) -> dict[str, str]:
    return {key: next(iter(caller.picked(1, key=key))) for key in KEYS}


@pytest.mark.parametrize("name", EVERYONE)
@settings(max_examples=8, deadline=None)
@given(weights=WEIGHTS)
def test_shares_are_those_of_the_weights(name: BalancerName, weights: list[int]) -> None:
    caller = balanced(name, [web(90 + n, weight=weight) for n, weight in enumerate(weights)])
    fair = [1.0] * len(weights) if name in UNWEIGHTED else [float(weight) for weight in weights]
    slack = (
        0.2 if name == "ring_hash" else 0.01
    )  # a thousand arcs of a ring differ in length, a thousand places do not
    for number, part in enumerate(fair):
        assert caller.shares()[f"web-{90 + number}"] == pytest.approx(part / sum(fair), abs=slack)


@pytest.mark.parametrize("name", EVERYONE)
@settings(max_examples=8, deadline=None)
@given(weights=WEIGHTS)
def test_picks_keep_to_the_shares(name: BalancerName, weights: list[int]) -> None:
    """Within what chance allows; those that go in turn leave nothing to it."""
    caller = balanced(name, [web(90 + n, weight=weight) for n, weight in enumerate(weights)])
    picks = caller.picks(PICKS)
    for id, share in caller.shares().items():
        spread = len(weights) + 1 if "round" in name else SURE * sqrt(PICKS * share * (1 - share)) + 1
        assert abs(picks[id] - share * PICKS) <= spread


@pytest.mark.parametrize("name", EVERYONE)
def test_nobody_is_forgotten(name: BalancerName) -> None:
    caller = balanced(name, webs(range(90, 100)))
    assert set(Counter(owners(caller).values())) == {f"web-{n}" for n in range(90, 100)}


@pytest.mark.parametrize("name", list(KEYED))
@settings(max_examples=8, deadline=None)
@given(count=st.integers(3, 12), out=st.integers(0, 11))
def test_keys_of_one_that_is_ejected_move_and_return(name: BalancerName, count: int, out: int) -> None:
    """A few others move too: Maglev fills its table anew, and on a ring those who are left get more entries each."""
    caller = balanced(name, webs(range(90, 90 + count)))
    gone = f"web-{90 + out % count}"
    before = owners(caller)
    eject(caller, gone)
    while_out = owners(caller)
    caller.now += 40  # longer than an ejection: the sweep brings it back
    assert gone not in while_out.values()
    moved = [key for key in KEYS if before[key] not in (gone, while_out[key])]
    assert len(moved) <= len(KEYS) // 3
    assert owners(caller) == before


@pytest.mark.parametrize("name", list(KEYED))
@settings(max_examples=8, deadline=None)
@given(count=st.integers(2, 11))
def test_who_joins_takes_about_its_share_of_the_keys_and_no_more(name: BalancerName, count: int) -> None:
    before = owners(balanced(name, webs(range(90, 90 + count))))
    after = owners(balanced(name, webs(range(90, 91 + count))))
    newcomer = f"web-{90 + count}"
    taken = sum(after[key] == newcomer for key in KEYS)
    others = sum(after[key] not in (before[key], newcomer) for key in KEYS)
    assert taken <= 2.5 * len(KEYS) / (count + 1)
    assert others <= len(KEYS) // 3


@pytest.mark.parametrize("name", list(KEYED))
@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(90, 98)))
def test_the_order_of_a_snapshot_says_nothing(name: BalancerName, order: list[int]) -> None:
    """Two callers that heard of the same instances in another order agree on every key."""
    assert owners(balanced(name, webs(order))) == owners(balanced(name, webs(range(90, 98))))
