"""Envoy's priority levels: the tables of its documentation, and what must hold for any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.policy.failover import Level, Load, loads


def level(healthy: int, total: int = 100) -> Level:
    return Level(healthy, total, healthy, total)


def percents(*healthy: int, threshold: int = 50, factor: int = 140) -> list[int]:
    found = loads([level(h) for h in healthy], overprovisioning=factor, panic_threshold=threshold)
    return [load.percent for load in found]


@pytest.mark.parametrize(
    ("healthy", "near", "far"),
    [(100, 100, 0), (72, 100, 0), (71, 99, 1), (50, 70, 30), (25, 35, 65), (0, 0, 100)],
)
def test_two_levels_as_documented(healthy: int, near: int, far: int) -> None:
    assert percents(healthy, 100) == [near, far]


@pytest.mark.parametrize(
    ("healthy", "expected"),
    [
        ((100, 100, 100), [100, 0, 0]),
        ((72, 72, 100), [100, 0, 0]),
        ((71, 71, 100), [99, 1, 0]),
        ((50, 60, 100), [70, 30, 0]),
        ((50, 50, 100), [70, 30, 0]),
        ((25, 100, 100), [35, 65, 0]),
        ((25, 25, 100), [35, 35, 30]),
    ],
)
def test_three_levels_as_documented(healthy: tuple[int, ...], expected: list[int]) -> None:
    assert percents(*healthy) == expected


@pytest.mark.parametrize(
    ("healthy", "expected"),
    [((25, 25, 20), [36, 35, 29]), ((25, 0, 25), [50, 0, 50]), ((20, 20, 10), [41, 40, 19])],
)
def test_too_little_health_is_made_up_to_the_whole(healthy: tuple[int, ...], expected: list[int]) -> None:
    """`panic_threshold` 0, so that shares are by health."""
    found = percents(*healthy, threshold=0)
    assert sum(found) == 100
    assert found == pytest.approx(expected, abs=1)


def test_no_panic_while_another_level_makes_up_for_it() -> None:
    assert loads([level(20), level(100)], overprovisioning=140, panic_threshold=50) == [Load(28), Load(72)]


def test_panic_where_nobody_does() -> None:
    found = loads([level(20), level(50)], overprovisioning=140, panic_threshold=50)
    assert found == [Load(29, panic=True), Load(71)]


def test_total_panic_goes_by_numbers() -> None:
    found = loads([level(0, 30), level(1, 10)], overprovisioning=140, panic_threshold=50)
    assert found == [Load(75, True), Load(25, True)]


def test_no_panic_wanted_and_nobody_there() -> None:
    assert loads([level(0), level(0)], overprovisioning=140, panic_threshold=0) == [Load(100), Load(0)]


def test_no_levels_at_all() -> None:
    assert loads([], overprovisioning=140, panic_threshold=50) == []


LEVELS = st.lists(
    st.integers(1, 200).flatmap(lambda total: st.integers(0, total).map(lambda up: level(up, total))),
    min_size=1,
    max_size=4,
)


@given(LEVELS, st.integers(100, 300), st.integers(0, 100))
def test_all_traffic_goes_somewhere(levels: list[Level], factor: int, threshold: int) -> None:
    found = loads(levels, overprovisioning=factor, panic_threshold=threshold)
    assert sum(load.percent for load in found) == 100
    assert all(load.percent >= 0 for load in found)


@given(LEVELS, st.integers(100, 300))
def test_a_level_of_nobody_gets_nothing_unless_in_panic(levels: list[Level], factor: int) -> None:
    found = loads(levels, overprovisioning=factor, panic_threshold=50)
    for one, load in zip(levels, found, strict=True):
        assert one.usable or load.panic or not load.percent
