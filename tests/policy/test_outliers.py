"""Ejection as Envoy's outlier_detection_impl.cc does it, through the memory that keeps the records."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.world import Caller, webs

from muster.model.policy import Policy
from muster.model.resilience import Breaker, OutlierDetection
from muster.policy.outcome import MEANINGS, Outcome, of_status
from muster.policy.outliers import Record, Tally, unusual

NO_BREAKER = Breaker(enabled=False)


def caller(count: int = 10, **terms: object) -> Caller:
    """`count` endpoints, and outlier detection alone."""
    policy = Policy(breaker=NO_BREAKER, outlier_detection=OutlierDetection(**terms))  # type: ignore[arg-type]
    return Caller(webs(range(count)), policy)


def ejected(one: Caller) -> set[str]:
    return {e.id for e in one.endpoints if one.peer(e.id).record.ejected_at is not None}


def record(good: int, total: int) -> Record:
    made = Record()
    for n in range(total):
        made.tallies[0].count(good=n < good)
    made.tallies[0].turn_over()
    return made


class TestStreaks:
    def test_five_5xx_in_a_row_eject(self) -> None:
        one = caller()
        one.call("web-1", Outcome.FAILURE, times=4)
        assert ejected(one) == set()
        one.call("web-1", Outcome.FAILURE)
        assert ejected(one) == {"web-1"}

    def test_a_success_between_them_does_not(self) -> None:
        one = caller()
        for _ in range(3):
            one.call("web-1", Outcome.FAILURE, times=4)
            one.call("web-1")
        assert ejected(one) == set()

    @pytest.mark.parametrize("outcome", [Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET, Outcome.GATEWAY])
    def test_failures_of_the_connection_count_as_5xx(self, outcome: Outcome) -> None:
        one = caller()
        one.call("web-1", outcome, times=5)
        assert ejected(one) == {"web-1"}

    def test_unless_told_apart(self) -> None:
        one = caller(split_external_local_origin_errors=True, consecutive_local_origin_failure=2)
        one.call("web-1", Outcome.CONNECT, times=2)
        one.call("web-2", Outcome.FAILURE, times=4)
        assert ejected(one) == {"web-1"}
        assert one.peer("web-1").record.cause == "consecutive_local_origin_failure"

    def test_gateway_failures_alone_are_not_enforced_by_default(self) -> None:
        one = caller(consecutive_gateway_failure=2)
        one.call("web-1", Outcome.GATEWAY, times=4)
        assert ejected(one) == set()

    def test_but_can_be(self) -> None:
        one = caller(consecutive_gateway_failure=2, enforcing_consecutive_gateway_failure=100)
        one.call("web-1", Outcome.FAILURE)
        one.call("web-1", Outcome.GATEWAY, times=2)
        assert one.peer("web-1").record.cause == "consecutive_gateway_failure"

    def test_nought_switches_a_rule_off(self) -> None:
        one = caller(consecutive_5xx=0)
        one.call("web-1", Outcome.FAILURE, times=50)
        assert ejected(one) == set()

    def test_so_does_the_policy_as_a_whole(self) -> None:
        one = caller(enabled=False)
        one.call("web-1", Outcome.FAILURE, times=50)
        assert ejected(one) == set()

    def test_what_the_caller_cancelled_says_nothing(self) -> None:
        one = caller()
        one.call("web-1", Outcome.FAILURE, times=4)
        one.call("web-1", Outcome.CANCELLED, times=9)
        assert ejected(one) == set()


class TestReturn:
    def test_after_the_base_time_at_a_sweep(self) -> None:
        one = caller()
        one.call("web-1", Outcome.FAILURE, times=5)
        one.now += 29
        one.build()
        assert ejected(one) == {"web-1"}
        one.now += 10
        one.build()
        assert ejected(one) == set()

    def test_later_each_time_and_at_most_the_maximum(self) -> None:
        one = caller(base_ejection_time=10.0, max_ejection_time=25.0)
        times = []
        for _ in range(4):
            one.call("web-1", Outcome.FAILURE, times=5)
            record = one.peer("web-1").record
            times.append(record.ejected_until(one.policy.outlier_detection) - one.now)
            record.readmit(one.now)
        assert times == [10.0, 20.0, 25.0, 25.0]

    def test_sooner_again_after_it_behaved(self) -> None:
        one = caller(base_ejection_time=10.0)
        one.call("web-1", Outcome.FAILURE, times=5)
        for _ in range(3):
            one.now += 10
            one.build()
        assert one.peer("web-1").record.multiplier == 0

    def test_streaks_begin_anew(self) -> None:
        one = caller(base_ejection_time=10.0)
        one.call("web-1", Outcome.FAILURE, times=9)
        one.now += 10
        one.build()
        one.call("web-1", Outcome.FAILURE, times=4)
        assert ejected(one) == set()


class TestHowMany:
    def test_at_most_the_percentage(self) -> None:
        one = caller(20, max_ejection_percent=10)
        for n in range(5):
            one.call(f"web-{n}", Outcome.FAILURE, times=5)
        assert len(ejected(one)) == 2

    def test_one_always(self) -> None:
        one = caller(3)
        for n in range(3):
            one.call(f"web-{n}", Outcome.FAILURE, times=5)
        assert len(ejected(one)) == 1

    def test_none_of_a_few_if_envoys_way_is_wanted(self) -> None:
        one = caller(3, always_eject_one_host=False)
        one.call("web-1", Outcome.FAILURE, times=5)
        assert ejected(one) == set()

    @given(st.lists(st.tuples(st.integers(0, 19), st.sampled_from(Outcome)), max_size=300))
    def test_never_more_whatever_happens(self, calls: list[tuple[int, Outcome]]) -> None:
        one = caller(20, max_ejection_percent=25, consecutive_5xx=2)
        for number, outcome in calls:
            one.call(f"web-{number}", outcome)
        assert len(ejected(one)) <= 5


class TestRates:
    def test_envoys_example(self) -> None:
        """Success rates 50 100 100 100 100: mean 90, deviation 20, threshold 52."""
        records = [record(50, 100), *(record(100, 100) for _ in range(4))]
        assert list(unusual(records, OutlierDetection())) == [(records[0], "success_rate")]

    def test_too_few_requests_or_endpoints_say_nothing(self) -> None:
        few_requests = [record(0, 99), *(record(99, 99) for _ in range(9))]
        few_endpoints = [record(0, 100), *(record(100, 100) for _ in range(3))]
        assert list(unusual(few_requests, OutlierDetection(failure_percentage_request_volume=100))) == []
        assert list(unusual(few_endpoints, OutlierDetection())) == []

    def test_a_failure_percentage_is_absolute(self) -> None:
        """All alike: no outlier by success rate, but each over the threshold."""
        records = [record(10, 100) for _ in range(5)]
        assert [cause for _, cause in unusual(records, OutlierDetection())] == ["failure_percentage"] * 5

    def test_seen_at_the_sweep(self) -> None:
        one = caller(5, max_ejection_percent=100)
        for n in range(5):
            for _ in range(50):
                one.call(f"web-{n}", Outcome.FAILURE if n == 3 else Outcome.SUCCESS)
                one.call(f"web-{n}")
        assert ejected(one) == set()
        one.now += 10
        one.build()
        assert ejected(one) == {"web-3"}
        assert one.peer("web-3").record.cause == "success_rate"

    def test_a_tally_is_of_one_interval(self) -> None:
        tally = Tally()
        tally.count(good=False)
        tally.turn_over()
        assert (tally.rate, tally.volume) == (0.0, 1)
        tally.turn_over()
        assert (tally.rate, tally.volume) == (100.0, 0)


def test_enforcing_by_chance() -> None:
    one = caller(1, enforcing_consecutive_5xx=30, consecutive_5xx=1, max_ejection_percent=100)
    one.rng = Random(1)
    record, times = one.peer("web-0").record, 0
    for _ in range(1000):
        one.call("web-0", Outcome.FAILURE)
        times += record.ejected_at is not None
        record.readmit(one.now)
    assert 250 < times < 350


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "success"),
        (404, "success"),
        (429, "success"),
        (500, "failure"),
        (501, "failure"),
        (502, "gateway"),
        (504, "gateway"),
        (599, "failure"),
    ],
)
def test_what_a_status_means(status: int, outcome: str) -> None:
    assert of_status(status) == outcome


def test_every_outcome_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(Outcome)
