"""No owner bears more than its bound, and what it does not bear goes where all callers would send it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.world import Caller, web, webs

from muster.model.policy import Balancer, BalancerName, Policy

KEYED: tuple[BalancerName, ...] = ("ring_hash", "maglev")


def bounded(name: BalancerName = "maglev", factor: int = 120) -> Policy:
    return Policy(balancer=Balancer(name=name, table_size=1009, hash_balance_factor=factor))


def begin(caller: Caller, key: str) -> str:
    """A request that does not end."""
    choice = caller.pick(key=key)
    assert choice is not None
    caller.memory.start(choice.peer)
    return choice.endpoint.id


def test_envoys_example() -> None:
    """Of four hosts with eight requests none gets more than 1.5 times two, and the one that takes it over."""
    caller = Caller(webs(range(90, 94)), bounded(factor=150))
    got = Counter(begin(caller, "one key for all") for _ in range(8))
    assert max(got.values()) <= 4
    assert len(got) >= 2


@pytest.mark.parametrize("name", KEYED)
def test_a_key_stays_with_its_owner_while_that_has_room(name: BalancerName) -> None:
    free, bound = (Caller(webs(range(90, 96)), bounded(name, factor)) for factor in (0, 200))
    assert [free.picked(1, key=str(n)) for n in range(50)] == [bound.picked(1, key=str(n)) for n in range(50)]


@pytest.mark.parametrize("name", KEYED)
@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    keys=st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
    factor=st.sampled_from([100, 125, 200]),
)
def test_nobody_bears_more_than_the_bound(
    name: BalancerName, weights: list[int], keys: list[str], factor: int
) -> None:
    """One more than its slots, as in Envoy: who is at its bound, but not over it, takes one more."""
    endpoints = [web(90 + n, weight=weight) for n, weight in enumerate(weights)]
    caller = Caller(endpoints, bounded(name, factor))
    got = Counter(begin(caller, key) for key in keys)
    slots = (len(keys) * factor + 99) // 100
    for one in endpoints:
        share = one.instance.weight / sum(weights)
        assert got[one.id] <= max(-(-slots * share // 1), 1) + 1


def test_callers_agree_who_takes_what_is_passed_on() -> None:
    here, there = (Caller(webs(order), bounded()) for order in (range(90, 99), reversed(range(90, 99))))
    assert [begin(here, "hot") for _ in range(12)] == [begin(there, "hot") for _ in range(12)]


def test_what_is_passed_on_does_not_pour_over_one_neighbour() -> None:
    taken = set()
    for n in range(40):
        caller = Caller(webs(range(90, 99)), bounded(factor=100))
        taken.add(tuple(dict.fromkeys(begin(caller, f"key-{n}") for _ in range(6))))
    assert len(taken) > 20


def test_when_all_bear_too_much_the_least_overloaded_takes_it() -> None:
    caller = Caller(webs([90, 91]), bounded(factor=100))
    for id, times in (("web-90", 9), ("web-91", 7)):
        for _ in range(times):
            caller.memory.start(caller.peer(id))
    caller.memory.active = 0  # as if the load were another port's
    assert caller.picked(20, key="k") == {"web-91"}
