"""Proportional spill: Envoy's examples, and the two promises: it adds up, and it overloads nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.policy import zones

ZONES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50).map(float), min_size=1)


def test_enough_at_home_stays_at_home() -> None:
    assert zones.shares("a", {"a": 5, "b": 5}, {"a": 1, "b": 1}) == {"a": 1.0}


def test_what_is_too_much_goes_where_there_is_room() -> None:
    """load_balancer_impl.cc: callers 40 40 20, capacity 25 50 25 -> room 0 10 5."""
    found = zones.shares("a", {"a": 25, "b": 50, "c": 25}, {"a": 40, "b": 40, "c": 20})
    assert found == pytest.approx({"a": 0.625, "b": 0.25, "c": 0.125})


def test_nobody_at_home() -> None:
    assert zones.shares("a", {"b": 30, "c": 10}, {"a": 1, "b": 1, "c": 1}) == pytest.approx({"b": 1.0})


def test_four_four_three_over_three_zones() -> None:
    """What made Kubernetes give its hints up: here a twelfth or so crosses, and every instance gets the same."""
    capacity = {"a": 4.0, "b": 4.0, "c": 3.0}
    callers = zones.evenly("abc", "c")
    found = zones.shares("c", capacity, callers)
    assert found == pytest.approx({"c": 9 / 11, "a": 1 / 11, "b": 1 / 11})


@pytest.mark.parametrize("own", ["", "elsewhere"])
def test_a_caller_that_is_nowhere_uses_all(own: str) -> None:
    assert zones.shares(own, {"a": 3, "b": 1}, {"a": 1, "b": 1}) == {"a": 0.75, "b": 0.25}


@given(ZONES, ZONES)
def test_it_adds_up(capacity: dict[str, float], callers: dict[str, float]) -> None:
    for own in "abcdef":
        found = zones.shares(own, capacity, callers)
        assert sum(found.values()) == pytest.approx(1.0 if any(capacity.values()) else 0.0)
        assert all(capacity[zone] > 0 for zone in found)


@given(ZONES, ZONES)
def test_it_overloads_nobody(capacity: dict[str, float], callers: dict[str, float]) -> None:
    """If all callers obey, each zone gets its share of the capacity, unless it has callers enough of its own to stay within it."""
    supply, demand = sum(capacity.values()), sum(callers.values())
    if not supply or not demand:
        return
    got = dict.fromkeys(capacity, 0.0)
    for own, amount in callers.items():
        for zone, share in zones.shares(own, capacity, callers).items():
            got[zone] += share * amount / demand
    assert got == pytest.approx({zone: weight / supply for zone, weight in capacity.items()}, abs=1e-6)
