"""A zone that cannot be reached is passed over as one endpoint is."""

from tests.policy.world import Caller, web, webs

from muster.model.policy import Policy
from muster.model.resilience import Breaker
from muster.policy.explain import explain
from muster.policy.outcome import Outcome

NEAR, FAR = webs(range(1, 7), zone="a"), webs(range(11, 16), zone="b")
HERE = {each.id for each in NEAR}


def cut(*outcomes: Outcome, policy: Policy = Policy()) -> Caller:
    """A caller whose calls of different endpoints of zone b ended like this."""
    caller = Caller([*NEAR, *FAR], policy)
    for endpoint, outcome in zip(FAR, outcomes, strict=False):
        caller.call(endpoint.id, outcome)
    return caller


LOST = (Outcome.CONNECT, Outcome.TIMEOUT, Outcome.CONNECT)


def test_three_that_cannot_be_reached_speak_for_their_zone() -> None:
    assert cut(*LOST).picked() == HERE


def test_two_do_not_nor_one_that_is_asked_again_and_again() -> None:
    caller = cut(*LOST[:2])
    caller.call(FAR[0].id, Outcome.CONNECT, times=5)
    assert {each.id for each in FAR[2:]} < caller.picked()


def test_a_success_in_between_says_that_it_is_there() -> None:
    caller = cut(Outcome.CONNECT, Outcome.CONNECT, Outcome.SUCCESS, Outcome.CONNECT)
    assert caller.picked() == HERE | {FAR[2].id, FAR[4].id}


def test_an_answer_that_is_a_failure_speaks_for_nobody_else() -> None:
    assert FAR[4].id in cut(*[Outcome.FAILURE] * 4).picked()


def test_whoever_resets_a_connection_is_there() -> None:
    assert FAR[4].id in cut(Outcome.CONNECT, Outcome.CONNECT, Outcome.RESET, Outcome.CONNECT).picked()


def test_a_trial_that_finds_somebody_ends_it_whatever_he_says() -> None:
    caller = cut(*LOST)
    caller.now += 1.0
    (tried,) = caller.picked() - HERE
    caller.call(tried, Outcome.RESET, took=0.0)
    assert len(caller.picked() - HERE) >= 1


def test_one_request_at_a_time_tries_it() -> None:
    caller = cut(*LOST)
    caller.now += Breaker().open_time
    tried = [id for id in caller.picks(200).elements() if id not in HERE]
    assert len(tried) == 1
    caller.call(tried[0])
    assert len(caller.picked() - HERE) >= 2


def test_a_trial_that_fails_puts_the_next_one_off() -> None:
    caller = cut(*LOST)
    caller.now += 1.0
    (tried,) = caller.picked() - HERE
    caller.call(tried, Outcome.CONNECT, took=0.0)
    caller.now += 1.5
    assert caller.picked() == HERE
    caller.now += 0.5
    assert len(caller.picked() - HERE) == 1


def test_requests_from_before_say_nothing_new() -> None:
    caller = cut(*LOST)
    caller.now += 1.0
    (tried,) = caller.picked() - HERE
    caller.call(FAR[4].id if tried == FAR[3].id else FAR[3].id, Outcome.CONNECT, took=2.0)
    caller.call(tried, took=0.5)
    assert len(caller.picked() - HERE) >= 1


def test_a_trial_whose_caller_lost_interest_leaves_it_to_the_next() -> None:
    caller = cut(*LOST)
    caller.now += 1.0
    (tried,) = caller.picked() - HERE
    caller.call(tried, Outcome.CANCELLED, took=0.0)
    assert len(caller.picked() - HERE) == 1


def test_where_too_few_would_be_left_nobody_is_doubted_for_others() -> None:
    caller = Caller([*FAR, web(1, zone="a")])
    for endpoint in FAR[:3]:
        caller.call(endpoint.id, Outcome.CONNECT)
    assert {each.id for each in FAR[3:]} < caller.picked()


def test_who_names_no_zone_shares_none() -> None:
    caller = Caller(webs(range(1, 10)))
    for number in range(1, 4):
        caller.call(f"web-{number}", Outcome.CONNECT)
    assert caller.picked() == {f"web-{n}" for n in range(4, 10)}


def test_it_can_be_turned_off() -> None:
    caller = cut(*LOST, policy=Policy(breaker=Breaker(zone_failures=0)))
    assert {FAR[3].id, FAR[4].id} < caller.picked()


def test_it_is_said() -> None:
    caller = cut(*LOST)
    told = explain(caller.build(), caller.known(), caller.policy, caller.place, caller.now)
    assert told[-1].why == (
        "its zone is out of our reach: nobody we called there answered; a trial in 1.0 s at the latest"
    )
