"""Closed, open, half-open."""

from hypothesis import given
from hypothesis import strategies as st

from muster.model.resilience import Breaker as Terms
from muster.policy.breaker import Breaker
from muster.policy.outcome import Outcome

TERMS = Terms(consecutive_failures=3, connect_failures=2, open_time=1.0, max_open_time=3.0)


def failed(times: int, outcome: Outcome = Outcome.FAILURE, *, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed(outcome, now, now, TERMS)
    return breaker


def test_it_opens_after_enough_failures_in_a_row() -> None:
    assert [failed(n).state for n in (2, 3)] == ["closed", "open"]


def test_fewer_where_nobody_listens() -> None:
    assert [failed(n, Outcome.CONNECT).state for n in (1, 2)] == ["closed", "open"]


def test_a_success_between_them_begins_the_count_anew() -> None:
    breaker = failed(2)
    breaker.succeeded(started=0.0)
    breaker.failed(Outcome.FAILURE, 0.0, 0.0, TERMS)
    assert breaker.state == "closed"


def test_a_trial_decides() -> None:
    breaker = failed(3)
    assert [breaker.ready(now) for now in (0.9, 1.0)] == [False, True]
    breaker.begin_trial(1.0, patience=15.0)
    assert (breaker.state, breaker.ready(2.0)) == ("half_open", False)
    assert breaker.succeeded(started=1.0)
    assert breaker.state == "closed"


def test_it_stays_open_for_twice_as_long_after_each_trial_that_failed() -> None:
    breaker, now = failed(3), 0.0
    waits = []
    for _ in range(4):
        waits.append(breaker.until - now)
        now = breaker.until
        breaker.begin_trial(now, patience=15.0)
        breaker.failed(Outcome.FAILURE, now, now, TERMS)
    assert waits == [1.0, 2.0, 3.0, 3.0]


def test_once_closed_it_begins_with_the_shortest_time_again() -> None:
    breaker = failed(3)
    breaker.begin_trial(1.0, patience=15.0)
    breaker.failed(Outcome.FAILURE, 1.0, 1.0, TERMS)
    breaker.begin_trial(3.0, patience=15.0)
    breaker.succeeded(started=3.0)
    for _ in range(3):
        breaker.failed(Outcome.FAILURE, 10.0, 10.0, TERMS)
    assert breaker.until == 11.0


def test_an_answer_to_a_request_from_before_proves_nothing() -> None:
    breaker = failed(3, now=5.0)
    assert not breaker.succeeded(started=4.9)
    assert breaker.state == "open"


def test_an_answer_to_a_later_one_does_whoever_asked() -> None:
    """In panic requests go to open ones too."""
    breaker = failed(3, now=5.0)
    assert breaker.succeeded(started=5.1)


def test_a_failure_of_one_from_before_is_not_the_trials() -> None:
    """A host that vanished: its requests time out one after the other, long after the breaker opened."""
    breaker = failed(3, now=5.0)
    breaker.begin_trial(6.0, patience=15.0)
    assert not breaker.failed(Outcome.TIMEOUT, 4.0, 7.0, TERMS)
    assert breaker.state == "half_open"


def test_a_trial_that_was_cancelled_leaves_its_place_to_the_next() -> None:
    breaker = failed(3)
    breaker.begin_trial(1.0, patience=15.0)
    assert breaker.gave_up(1.5)
    assert breaker.ready(1.5)


def test_a_trial_that_is_never_heard_of_again_is_given_up() -> None:
    breaker = failed(3)
    breaker.begin_trial(1.0, patience=15.0)
    assert [breaker.ready(now) for now in (15.9, 16.0)] == [False, True]


@given(st.lists(st.sampled_from([*Outcome, "trial"]), max_size=60))
def test_however_it_goes_a_success_closes_it_and_openings_are_bounded(steps: list[object]) -> None:
    breaker, now = Breaker(), 0.0
    for step in steps:
        now += 0.5
        if step == "trial":
            if breaker.ready(now):
                breaker.begin_trial(now, patience=15.0)
        elif step == Outcome.SUCCESS:
            breaker.succeeded(started=now)
            assert breaker.state == "closed"
        elif isinstance(step, Outcome):
            breaker.failed(step, now, now, TERMS)
        assert breaker.state != "open" or breaker.until - breaker.opened_at <= TERMS.max_open_time
