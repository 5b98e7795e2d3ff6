"""Each distribution keeps its promise: who gets how much, in the long run and in every short one."""

from collections import Counter
from contextlib import suppress
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model import limits
from muster.policy.distributions import Distribution, Fewest, Stride, Turns, TwoChoices, Uniform, Weighted
from muster.policy.loads import Outstanding, PeakEwma
from muster.policy.memory import Peer

WEIGHTS = st.lists(st.integers(1, 1000).map(float), min_size=1, max_size=12)
DRAWS = 20_000


def drawn(distribution: Distribution, times: int = DRAWS) -> list[float]:
    rng = Random(1)
    hits = Counter(distribution.pick(rng, 0.0) for _ in range(times))
    return [hits[n] / times for n in range(len(distribution.shares()))]


def peers(*outstanding: int) -> list[Peer]:
    made = [Peer(0.0) for _ in outstanding]
    for peer, number in zip(made, outstanding, strict=True):
        peer.outstanding = number
    return made


def two(weights: list[float], *outstanding: int) -> TwoChoices:
    return TwoChoices(Weighted(weights), len(weights), Outstanding(peers(*outstanding), weights))


@given(WEIGHTS)
def test_shares_add_up_and_follow_weights(weights: list[float]) -> None:
    idle = Outstanding(peers(*[0] * len(weights)), weights)
    for distribution in (
        Weighted(weights),
        Stride(weights, count().__next__),
        two(weights, *[0] * len(weights)),
        Fewest(weights, idle),
    ):
        assert distribution.shares() == pytest.approx([w / sum(weights) for w in weights], abs=1e-4)


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 2, 3, 4], [1000, 1], [5], [1, 1, 1, 97]])
def test_what_is_drawn_is_what_was_promised(weights: list[float]) -> None:
    idle = Outstanding(peers(*[0] * len(weights)), weights)
    for distribution in (
        Weighted(weights),
        two(weights, *[0] * len(weights)),
        Fewest(weights, idle),
        Uniform(len(weights)),
    ):
        assert drawn(distribution) == pytest.approx(distribution.shares(), abs=0.015)


@given(WEIGHTS, st.integers(0, 10_000))
def test_the_alias_table_gives_each_its_weight_exactly(weights: list[float], seed: int) -> None:
    """Every position of the table is worth as much as another; summing them up is the whole distribution."""
    table = Weighted(weights)
    got = [0.0] * len(weights)
    for position, (kept, alias) in enumerate(zip(table._kept, table._aliases, strict=True)):
        got[position] += kept / len(weights)
        got[alias] += (1 - kept) / len(weights)
    assert got == pytest.approx([w / sum(weights) for w in weights])


@given(st.integers(1, 20), st.integers(0, 100), st.integers(1, 200))
def test_turns_differ_by_one_at_most(members: int, start: int, times: int) -> None:
    turns = Turns(members, count(start).__next__)
    hits = Counter(turns.pick(Random(), 0.0) for _ in range(times))
    assert max(hits.values()) - min(hits[n] for n in range(members)) <= 1


def test_a_full_cycle_of_strides_gives_each_its_weight_exactly() -> None:
    """gRFC A58: over 65,535 rounds, each is chosen as often as its weight says."""
    cycle = iter(range(2 * limits.STRIDE_WEIGHT))
    stride = Stride([2.0, 5.0], cycle.__next__)
    hits: Counter[int] = Counter()
    with suppress(StopIteration):
        while True:
            hits[stride.pick(Random(), 0.0)] += 1
    assert hits == dict(enumerate(stride._weights))


@given(WEIGHTS, st.integers(1, 500))
def test_strides_are_never_far_from_fair(weights: list[float], times: int) -> None:
    stride = Stride(weights, count().__next__)
    got = Counter(stride.pick(Random(), 0.0) for _ in range(times))
    for position, share in enumerate(stride.shares()):
        assert abs(got[position] - share * times) <= len(weights) + 1


def test_a_very_heavy_one_costs_few_looks() -> None:
    """One of 65,535 among 999 of 1: a bare stride schedule would look at a thousand for every pick."""
    turns = count()
    stride = Stride([65_535.0, *[1.0] * 999], turns.__next__)
    assert Counter(stride.pick(Random(), 0.0) for _ in range(1000))[0] > 970
    assert next(turns) < 10_000
    assert stride.shares() == pytest.approx([65_535 / 66_534, *[1 / 66_534] * 999], rel=0.01)


def test_strides_are_smooth() -> None:
    """Half the weight: every second round; never twice in a row while another waits."""
    stride = Stride([2.0, 1.0, 1.0], count().__next__)
    picks = [stride.pick(Random(), 0.0) for _ in range(400)]
    assert Counter(picks) == {0: 200, 1: 100, 2: 100}
    assert all(0 in picks[n : n + 3] for n in range(397))


def test_of_two_the_less_loaded_by_weight() -> None:
    assert drawn(two([1.0, 1.0], 3, 1)) == [0, 1]
    assert drawn(two([1.0, 4.0], 1, 3)) == [0, 1]  # three quarters of its weight, against all of it


def test_two_choices_never_compare_one_with_itself() -> None:
    """With two endpoints it is always the idle one; drawing with replacement would miss it every fourth time."""
    assert drawn(two([3.0, 1.0], 0, 5)) == [1, 0]
    assert drawn(two([3.0, 1.0], 5, 0)) == [0, 1]


def test_the_busiest_of_many_is_never_taken() -> None:
    assert drawn(two([1.0] * 5, 1, 1, 9, 1, 1))[2] == 0


def test_fewest_finds_the_only_idle_one() -> None:
    weights = [1.0] * 50
    row = peers(*[1] * 30, 0, *[1] * 19)
    assert Fewest(weights, Outstanding(row, weights)).pick(Random(1), 0.0) == 30


def test_peak_ewma_prefers_the_quick_and_the_proven() -> None:
    row = peers(0, 0, 1)
    row[0].latency.observe(0.100, 0.0, 10.0)
    row[1].latency.observe(0.010, 0.0, 10.0)
    load = PeakEwma(row, [1.0, 1.0, 1.0], 10.0)
    assert sorted(range(3), key=lambda n: load.of(n, 0.0)) == [1, 0, 2]


def test_peak_ewma_counts_the_queue_by_weight() -> None:
    row = peers(1, 2)
    for peer in row:
        peer.latency.observe(0.010, 0.0, 10.0)
    load = PeakEwma(row, [1.0, 2.0], 10.0)
    assert load.of(0, 0.0) == load.of(1, 0.0)
