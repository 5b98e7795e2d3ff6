"""The forecast is what callers do."""

from random import Random

import pytest
from tests.policy.world import Caller, web, webs

from muster.model.policy import DEFAULT, Locality, Policy
from muster.policy.endpoint import Place
from muster.policy.simulation import simulate

A, B = Place("a"), Place("b")
EVEN = [*webs([1, 2], zone="a"), *webs([3, 4], zone="b")]


def test_even_zones_stay_at_home() -> None:
    forecast = simulate(DEFAULT, EVEN, {A: 1, B: 1}, Random(1))
    assert [portion.load for portion in forecast.portions] == pytest.approx([1.0] * 4)
    assert (forecast.crossing, forecast.served) == (0.0, 1.0)


def test_uneven_callers_overload_a_zone_and_the_forecast_says_so() -> None:
    forecast = simulate(DEFAULT, EVEN, {A: 3, B: 1}, Random(1))
    assert [portion.load for portion in forecast.portions] == pytest.approx([1.5, 1.5, 0.5, 0.5])


def test_until_the_policy_says_where_they_are() -> None:
    policy = Policy(locality=Locality(callers={"a": 3, "b": 1}))
    forecast = simulate(policy, EVEN, {A: 3, B: 1}, Random(1))
    assert [portion.load for portion in forecast.portions] == pytest.approx([1.0] * 4)
    assert forecast.crossing == pytest.approx(0.25)


def test_a_zone_that_fails() -> None:
    everyone = [*EVEN, *webs([5, 6], zone="c")]
    forecast = simulate(DEFAULT, everyone, {A: 1, B: 1}, Random(1), down={"web-1", "web-2"})
    assert [portion.share for portion in forecast.portions[:2]] == [0.0, 0.0]
    assert forecast.served == pytest.approx(1.0)
    assert forecast.flows[0].zones == pytest.approx({"b": 0.5, "c": 0.5})


def test_who_finds_nobody_is_told_why() -> None:
    forecast = simulate(DEFAULT, [web(1, region="us")], {Place("a", "eu"): 1}, Random(1))
    assert (forecast.served, forecast.flows[0].refused) == (0.0, "remote")


def test_callers_do_what_was_forecast() -> None:
    everyone = [*webs([1], zone="a", weight=300), *webs([2, 3, 4], zone="b")]
    forecast = simulate(DEFAULT, everyone, {A: 1}, Random(1))
    got = Caller(everyone, place=A).picks(20_000)
    told = {portion.instance_id: portion.share for portion in forecast.portions if portion.share}
    assert {id: times / 20_000 for id, times in got.items()} == pytest.approx(told, abs=0.015)
