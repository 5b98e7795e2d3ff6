"""What a caller gets: the rules together, as a caller meets them."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.policy.world import Caller, Web, eject, web, webs

from muster.model.policy import DEFAULT, Balancer, BalancerName, Locality, Policy, SlowStart
from muster.policy.balancers import DRAWN, KEYED
from muster.policy.endpoint import Place
from muster.policy.outcome import Outcome

BALANCERS: list[BalancerName] = [*DRAWN, *KEYED]
SMALL = {"table_size": 101, "minimum_ring_size": 64}


def balancer(name: BalancerName) -> Policy:
    return Policy(balancer=Balancer(name=name, **SMALL))


@pytest.mark.parametrize("name", BALANCERS)
def test_picks_follow_the_shares(name: BalancerName) -> None:
    caller = Caller([web(1, weight=100), web(2, weight=300), web(3, weight=200)], balancer(name))
    got, shares = caller.picks(20_000), caller.shares()
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
    assert {id: times / 20_000 for id, times in got.items()} == pytest.approx(shares, abs=0.015)


def test_a_default_caller_goes_by_weight() -> None:
    caller = Caller([web(1, weight=100), web(2, weight=300)])
    assert caller.shares() == {"web-1": 0.25, "web-2": 0.75}


def test_only_the_discoverable_are_picked() -> None:
    caller = Caller(
        [web(1), web(2, status="draining"), web(3, status="unhealthy"), web(4, status="degraded")]
    )
    assert caller.shares() == {"web-1": 0.8, "web-4": 0.2}


def test_weight_nought_takes_none_unless_all_have_it() -> None:
    assert Caller([web(1, weight=0), web(2)]).shares() == {"web-2": 1.0}
    assert Caller([web(1, weight=0), web(2, weight=0)]).shares() == {"web-1": 0.5, "web-2": 0.5}


def test_nobody_there() -> None:
    caller = Caller([])
    assert (caller.pick(), caller.picker.reason()) == (None, "empty")


def test_all_ejected_and_no_panic_wanted() -> None:
    caller = Caller(webs([1, 2]), Policy(panic_threshold=0))
    eject(caller, "web-1", "web-2")
    assert (caller.pick(), caller.picker.reason()) == (None, "unusable")


def test_an_ejected_one_gets_nothing() -> None:
    caller = Caller(webs([1, 2, 3]))
    eject(caller, "web-2")
    assert caller.picked() == {"web-1", "web-3"}


def test_below_the_panic_threshold_all_are_used() -> None:
    caller = Caller(webs([1, 2, 3]))
    eject(caller, "web-1", "web-2")
    assert caller.picked() == {"web-1", "web-2", "web-3"}


class TestOverdue:
    def test_the_others_are_preferred(self) -> None:
        assert Caller([web(1, overdue=True), web(2)]).picked() == {"web-2"}

    def test_unless_less_than_half_would_be_left(self) -> None:
        caller = Caller([web(1, overdue=True), web(2, overdue=True), web(3)])
        assert caller.picked() == {"web-1", "web-2", "web-3"}

    def test_an_own_recent_success_counts_over_the_mark(self) -> None:
        caller = Caller([web(1), web(2)])
        caller.call("web-1")
        caller.endpoints = (web(1, overdue=True), web(2))
        caller.build()
        assert caller.picked() == {"web-1", "web-2"}
        caller.now += 6
        assert caller.picked() == {"web-2"}

    def test_a_dead_zone_loses_its_traffic(self) -> None:
        everyone = [*webs([1, 2], zone="a", overdue=True), *webs([3, 4], zone="b"), *webs([5, 6], zone="c")]
        assert Caller(everyone, place=Place("a")).picked() == {"web-3", "web-4", "web-5", "web-6"}

    def test_a_blind_registry_moves_nobody(self) -> None:
        everyone = [*webs([1, 2], zone="a", overdue=True), *webs([3, 4], zone="b", overdue=True)]
        assert Caller(everyone, place=Place("a")).picked() == {"web-1", "web-2"}


class TestZones:
    def test_at_home_while_that_carries_it(self) -> None:
        caller = Caller([*webs([1, 2], zone="a"), *webs([3, 4], zone="b")], place=Place("b"))
        assert caller.picked() == {"web-3", "web-4"}

    def test_a_smaller_zone_spills_over_what_is_too_much(self) -> None:
        caller = Caller([web(1, zone="a"), *webs([2, 3, 4], zone="b")], place=Place("a"))
        assert caller.shares()["web-1"] == 0.5
        assert caller.picked() == {"web-1", "web-2", "web-3", "web-4"}

    def test_who_says_where_callers_are_is_believed(self) -> None:
        policy = Policy(locality=Locality(callers={"a": 1, "b": 3}))
        caller = Caller([web(1, zone="a"), *webs([2, 3, 4], zone="b")], policy, Place("a"))
        assert caller.picked() == {"web-1"}

    def test_an_ejected_one_takes_its_part_of_the_capacity_with_it(self) -> None:
        caller = Caller([*webs([1, 2], zone="a"), *webs([3, 4], zone="b")], place=Place("a"))
        eject(caller, "web-1")
        assert caller.shares() == {"web-2": 0.666667, "web-3": 0.166667, "web-4": 0.166667}

    def test_no_preference_asked_for(self) -> None:
        policy = Policy(locality=Locality(mode="none"))
        assert Caller([web(1, zone="a"), web(2, zone="b")], policy, Place("a")).picked() == {"web-1", "web-2"}

    def test_a_caller_without_a_zone_uses_all(self) -> None:
        assert Caller([web(1, zone="a"), web(2, zone="b")]).picked() == {"web-1", "web-2"}


class TestRegions:
    EVERYONE = (web(1, region="eu", zone="a"), web(2, region="eu", zone="b"), web(3, region="us", zone="c"))

    def test_remote_ones_only_if_the_policy_says_so(self) -> None:
        caller = Caller([self.EVERYONE[2]], place=Place("a", "eu"))
        assert (caller.pick(), caller.picker.reason()) == (None, "remote")
        remote = Policy(locality=Locality(remote=True))
        assert Caller([self.EVERYONE[2]], remote, Place("a", "eu")).picked() == {"web-3"}

    def test_and_then_only_for_what_the_region_cannot_carry(self) -> None:
        policy = Policy(locality=Locality(remote=True, mode="failover"))
        caller = Caller(self.EVERYONE, policy, Place("z", "eu"))
        assert caller.picked() == {"web-1", "web-2"}
        eject(caller, "web-1")
        assert caller.shares() == {"web-2": 0.7, "web-3": 0.3}

    def test_failover_goes_by_levels(self) -> None:
        policy = Policy(locality=Locality(mode="failover"))
        caller = Caller([*webs([1, 2], zone="a"), web(3, zone="b")], policy, Place("a"))
        assert caller.picked() == {"web-1", "web-2"}
        eject(caller, "web-1")
        assert caller.shares() == {"web-2": 0.7, "web-3": 0.3}

    def test_an_instance_that_does_not_say_its_region_is_in_ours(self) -> None:
        assert Caller([web(1)], place=Place("a", "eu")).picked() == {"web-1"}


class TestBreaker:
    def test_a_refused_connection_takes_it_out_at_once(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        assert caller.picked() == {"web-2", "web-3"}

    def test_then_one_trial_and_no_more(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        caller.now += 1.0
        assert caller.picks(300)["web-1"] == 1

    def test_a_trial_that_succeeds_brings_it_back(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        caller.now += 1.0
        caller.picks(300)
        caller.call("web-1", took=0.0)
        assert caller.picked() == {"web-1", "web-2", "web-3"}

    def test_a_trial_that_fails_keeps_it_out_for_longer(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        caller.now += 1.0
        caller.picks(300)
        caller.call("web-1", Outcome.CONNECT)
        caller.now += 1.9
        assert "web-1" not in caller.picked()
        caller.now += 0.1
        assert caller.picks(300)["web-1"] == 1

    def test_a_second_attempt_is_no_trial(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        caller.now += 1.0
        assert caller.picked(avoid={caller.peer("web-2")}) == {"web-3"}


class TestAnotherAttempt:
    @pytest.mark.parametrize("name", BALANCERS)
    def test_goes_to_another_instance(self, name: BalancerName) -> None:
        caller = Caller(webs([1, 2, 3]), balancer(name))
        tried = {caller.peer("web-1"), caller.peer("web-3")}
        assert caller.picked(avoid=tried, key="k") == {"web-2"}

    @pytest.mark.parametrize("name", BALANCERS)
    def test_if_there_is_one(self, name: BalancerName) -> None:
        caller = Caller(webs([1]), balancer(name))
        assert caller.picked(avoid={caller.peer("web-1")}) == {"web-1"}

    def test_even_where_chance_would_hardly_find_it(self) -> None:
        caller = Caller([*webs(range(1, 60), weight=1000), web(60, weight=1)])
        tried = {caller.peer(f"web-{n}") for n in range(1, 60)}
        assert caller.picked(avoid=tried) == {"web-60"}


class TestKeys:
    @pytest.mark.parametrize("name", list(KEYED))
    def test_a_key_stays_where_it_is(self, name: BalancerName) -> None:
        caller = Caller(webs(range(90, 96)), balancer(name))
        assert all(len(caller.picked(20, key=f"user-{n}")) == 1 for n in range(50))

    @pytest.mark.parametrize("name", list(KEYED))
    def test_zones_do_not_move_keys(self, name: BalancerName) -> None:
        everyone = [web(n, zone="ab"[n % 2]) for n in range(90, 96)]
        here, there = (Caller(everyone, balancer(name), Place(zone)) for zone in "ab")
        assert all(here.picked(1, key=str(n)) == there.picked(1, key=str(n)) for n in range(50))

    def test_a_number_is_a_hash_already(self) -> None:
        caller = Caller(
            webs(range(90, 96)), Policy(balancer=Balancer(name="ring_hash", minimum_ring_size=12))
        )
        assert caller.picked(3, key=3551244743356806947) == {"web-95"}

    def test_a_new_endpoint_moves_keys_once_and_not_with_every_step_of_its_slow_start(self) -> None:
        policy = Policy(balancer=Balancer(name="maglev", table_size=101), slow_start=SlowStart(window=10))
        caller = Caller(webs([1, 2]), policy)
        caller.endpoints = tuple(webs([1, 2, 3]))
        caller.build()
        before = [caller.picked(1, key=str(n)) for n in range(50)]
        caller.now += 5
        caller.build()
        assert [caller.picked(1, key=str(n)) for n in range(50)] == before


class TestSlowStart:
    def test_a_new_endpoint_begins_small_and_grows(self) -> None:
        caller = Caller([web(1)], Policy(slow_start=SlowStart(window=100)))
        caller.endpoints = (web(1), web(2))
        caller.build()
        grown = []
        for _ in range(5):
            grown.append(caller.shares()["web-2"])
            caller.now += 25
        assert grown == pytest.approx([0.1 / 1.1, 0.25 / 1.25, 0.5 / 1.5, 0.75 / 1.75, 0.5], abs=1e-5)

    def test_those_that_were_there_first_are_not_new(self) -> None:
        assert Caller(webs([1, 2]), Policy(slow_start=SlowStart(window=100))).shares() == {
            "web-1": 0.5,
            "web-2": 0.5,
        }

    def test_a_new_incarnation_is_new(self) -> None:
        caller = Caller(webs([1, 2]), Policy(slow_start=SlowStart(window=100)))
        caller.endpoints = (web(1), web(2, generation=9))
        caller.build()
        assert caller.shares()["web-2"] < 0.1


class TestFreshness:
    def test_stands_until_something_happens(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        assert caller.picker.fresh(caller.now + 9)

    def test_ends_when_somebody_is_taken_out(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        assert not caller.picker.fresh(caller.now)

    @pytest.mark.parametrize("name", BALANCERS)
    def test_out_of_date_it_still_passes_over_them(self, name: BalancerName) -> None:
        caller = Caller(webs(range(1, 9)), balancer(name))
        old = caller.picker
        caller.call("web-1", Outcome.CONNECT)
        eject(caller, "web-2")
        picked = {choice.endpoint.id for _ in range(300) if (choice := old.pick(caller.rng, caller.now))}
        assert picked == {f"web-{n}" for n in range(3, 9)}

    def test_ends_at_the_sweep(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        assert not caller.picker.fresh(caller.now + 10)

    def test_ends_when_a_breaker_is_ready(self) -> None:
        caller = Caller(webs([1, 2, 3]))
        caller.call("web-1", Outcome.CONNECT)
        caller.build()
        assert caller.picker.until == caller.now + 1.0


ENDPOINTS = st.lists(
    st.fixed_dictionaries(
        {
            "zone": st.sampled_from(["", "a", "b", "c"]),
            "region": st.sampled_from(["", "eu", "us"]),
            "weight": st.integers(0, 10),
            "status": st.sampled_from(["healthy", "degraded", "draining"]),
            "overdue": st.booleans(),
        }
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def worlds(draw: Any) -> tuple[Caller, set[str]]:
    """Any endpoints, any policy of these, some of them ejected."""
    everyone = [web(n, **told) for n, told in enumerate(draw(ENDPOINTS))]
    policy = Policy(
        balancer=Balancer(name=draw(st.sampled_from(BALANCERS)), **SMALL),
        locality=Locality(
            mode=draw(st.sampled_from(["zone_aware", "failover", "none"])), remote=draw(st.booleans())
        ),
        panic_threshold=draw(st.sampled_from([0, 50, 100])),
    )
    place = Place(draw(st.sampled_from(["", "a", "z"])), draw(st.sampled_from(["", "eu"])))
    caller = Caller(everyone, policy, place)
    out = draw(st.sets(st.sampled_from([one.id for one in everyone])))
    eject(caller, *out)
    return caller, out


@settings(max_examples=150)
@given(worlds())
def test_shares_add_up_to_one_or_there_is_a_reason(world: tuple[Caller, set[str]]) -> None:
    caller, _ = world
    shares = caller.shares()
    if caller.picker.reason():
        assert shares == {}
        assert caller.pick() is None
    else:
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-4)
        assert caller.pick() is not None


@settings(max_examples=150)
@given(worlds())
def test_nobody_ejected_is_picked_unless_in_panic(world: tuple[Caller, set[str]]) -> None:
    caller, out = world
    caller.build()
    if "panic" in repr(caller.picker):
        return
    assert not caller.picked(50) & out
    assert not caller.shares().keys() & out


@settings(max_examples=100)
@given(worlds())
def test_only_those_with_a_share_are_picked(world: tuple[Caller, set[str]]) -> None:
    caller, _ = world
    shares = caller.shares()
    assert caller.picked(50) <= shares.keys()


@settings(max_examples=60)
@given(ENDPOINTS)
def test_callers_everywhere_load_all_alike(endpoints: list[dict[str, Any]]) -> None:
    """Zone-aware callers, as many in each zone: together they give each healthy endpoint its weight's share, whatever the zones."""
    everyone = [
        web(n, zone=told["zone"] or "d", weight=told["weight"] + 1) for n, told in enumerate(endpoints)
    ]
    zones = {one.instance.zone for one in everyone}
    got: Counter[str] = Counter()
    for zone in zones:
        for id, share in Caller(everyone, place=Place(zone)).shares().items():
            got[id] += share / len(zones)  # type: ignore[assignment]
    total = sum(one.instance.weight for one in everyone)
    fair = {one.id: one.instance.weight / total for one in everyone}
    assert got == pytest.approx(fair, abs=1e-4)


def test_memory_stays_flat_however_many_come_and_go() -> None:
    caller = Caller(webs(range(10)))
    for start in range(0, 1000, 10):
        caller.endpoints = tuple(webs(range(start, start + 10)))
        caller.build()
    assert len(caller.memory) == 10


def test_a_picker_tells_what_it_is() -> None:
    caller = Caller([web(1, zone="a"), web(2, zone="b"), web(3, zone="b")], place=Place("a"))
    assert repr(caller.picker) == "<Picker p2c <Drawn zone a: 66.7%, zone b: 33.3%>>"


def test_outstanding_requests_are_avoided() -> None:
    caller = Caller(webs([1, 2]))
    caller.memory.start(caller.peer("web-1"))
    assert caller.picked() == {"web-2"}


def unconfirmed() -> list[Web]:
    return webs([1, 2])


def test_unconfirmed_endpoints_are_as_good_as_others() -> None:
    """The mirror hands them in with the rest; nothing here asks."""
    assert Caller(unconfirmed()).picked() == {"web-1", "web-2"}


def test_another_policy_is_obeyed_and_what_was_seen_is_kept() -> None:
    caller = Caller(webs([1, 2, 3]))
    caller.call("web-1", Outcome.CONNECT)
    caller.policy = replace(DEFAULT, balancer=Balancer(name="round_robin"))
    caller.memory.obey(caller.policy)
    assert caller.picks(100) == {"web-2": 50, "web-3": 50}
