"""Who is in a subset, and which request goes to it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.world import Caller, web, webs

from muster.model.policy import Fallback, Policy, Route, Split, Subset
from muster.policy import subsets
from muster.policy.xxh64 import xxh64

STABLE, CANARY = Subset(name="stable", version="1"), Subset(name="canary", version="2")
EVERYONE = [*webs([1, 2], version="1"), web(3, version="2")]


def policy(**fields: object) -> Policy:
    return Policy(subsets=(STABLE, CANARY), **fields)  # type: ignore[arg-type]


def canary(percent: int, **fields: object) -> Policy:
    return policy(
        splits=(Split(subset="stable", weight=100 - percent), Split(subset="canary", weight=percent)),
        **fields,
    )


@pytest.mark.parametrize(
    ("subset", "belongs"),
    [
        (Subset(name="s"), True),
        (Subset(name="s", version="2"), True),
        (Subset(name="s", version="3"), False),
        (Subset(name="s", deployment_group="green"), False),
        (Subset(name="s", tags=("fast",)), True),
        (Subset(name="s", tags=("fast", "slow")), False),
        (Subset(name="s", metadata={"tier": "gold"}), True),
        (Subset(name="s", version="2", metadata={"tier": "tin"}), False),
    ],
)
def test_who_carries_all_its_labels(subset: Subset, belongs: bool) -> None:
    one = web(1, version="2", tags=("fast", "new"), metadata={"tier": "gold", "x": "y"})
    assert subsets.belongs(one.instance, subset) is belongs


def test_a_subset_asked_for_by_name() -> None:
    assert Caller(EVERYONE, policy()).picked(subset="canary") == {"web-3"}


def test_a_canary_gets_its_share() -> None:
    caller = Caller(EVERYONE, canary(5))
    assert caller.shares() == {"web-1": 0.475, "web-2": 0.475, "web-3": 0.05}
    got = caller.picks(20_000)["web-3"]
    assert abs(got - 1000) < 4 * (20_000 * 0.05 * 0.95) ** 0.5  # four standard deviations


def test_a_header_goes_before_weights() -> None:
    caller = Caller(EVERYONE, canary(0, routes=(Route(header="X-Canary", value="always", subset="canary"),)))
    assert caller.picked(headers={"x-canary": "always"}) == {"web-3"}
    assert caller.picked(headers={"x-canary": "never"}) == {"web-1", "web-2"}
    assert caller.picked() == {"web-1", "web-2"}


def test_a_header_that_is_there_is_enough_if_no_value_is_asked_for() -> None:
    caller = Caller(EVERYONE, policy(routes=(Route(header="x-canary", subset="canary"),)))
    assert caller.picked(headers={"X-CANARY": ""}) == {"web-3"}


def test_a_key_stays_with_one_version() -> None:
    caller = Caller(EVERYONE, canary(30, sticky_splits=True))
    versions = [{id == "web-3" for id in caller.picked(20, key=f"user-{n}")} for n in range(200)]
    assert all(len(seen) == 1 for seen in versions)
    assert 30 < sum(seen == {True} for seen in versions) < 90


@given(st.text(), st.integers(1, 99))
def test_a_larger_canary_keeps_whom_it_had(key: str, percent: int) -> None:
    """The canary comes first: whoever has it at 5 % has it at 10 % too."""
    growing = [
        subsets.Split(
            policy(
                splits=(Split(subset="canary", weight=w), Split(subset="stable", weight=100 - w)),
                sticky_splits=True,
            )
        )
        for w in (percent, min(percent + 5, 100))
    ]
    small, large = (split.name(Random(1), key, xxh64) for split in growing)
    assert small == "stable" or large == "canary"


@pytest.mark.parametrize(
    ("fallback", "picked"),
    [("any_endpoint", {"web-1", "web-2"}), ("no_fallback", set()), ("default_subset", {"web-2"})],
)
def test_what_happens_where_nobody_is(fallback: Fallback, picked: set[str]) -> None:
    two = Policy(
        subsets=(CANARY, Subset(name="second", tags=("b",))), fallback=fallback, default_subset="second"
    )
    caller = Caller([web(1, version="1"), web(2, version="1", tags=("b",))], two)
    assert caller.picked(subset="canary") == picked
    assert caller.picker.reason("canary") == ("" if picked else "subset")


def test_an_emptied_canary_fails_nobody() -> None:
    assert sum(Caller(webs([1, 2], version="1"), canary(5)).picks(500).values()) == 500


def test_zones_and_ejections_hold_within_a_subset() -> None:
    from tests.policy.world import eject

    caller = Caller(webs(range(1, 5), version="2"), policy())
    eject(caller, "web-1")
    assert caller.picked(subset="canary") == {"web-2", "web-3", "web-4"}
