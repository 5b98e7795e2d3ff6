"""Why an endpoint is in, or out."""

from typing import Any

import pytest
from tests.policy.world import Caller, eject, web, webs

from muster.model.policy import DEFAULT, Policy, Split, Subset
from muster.policy.endpoint import Place
from muster.policy.explain import explain
from muster.policy.outcome import Outcome


def verdicts(caller: Caller) -> list[tuple[float, str]]:
    found = explain(caller.build(), caller.known(), caller.policy, caller.place, caller.now)
    return [(round(each.share, 3), each.why) for each in found]


def test_in_rotation_with_its_share() -> None:
    assert verdicts(Caller(webs([1, 2]))) == [(0.5, "in rotation"), (0.5, "in rotation")]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"status": "draining"}, "the registry says draining"),
        ({"weight": 0}, "its weight is 0"),
        ({"overdue": True}, "overdue at the registry, and no recent success of ours speaks for it"),
        ({"region": "us"}, "in region us, and the policy allows no other than eu"),
        ({"zone": "b"}, "others are nearer, or carry the labels asked for"),
    ],
)
def test_what_the_registry_says_of_it(told: dict[str, Any], why: str) -> None:
    caller = Caller([web(1, **{"zone": "a"} | told), *webs([2, 3, 4], zone="a")], place=Place("a", "eu"))
    assert verdicts(caller)[0] == (0.0, why)


def test_what_we_saw_of_it() -> None:
    caller = Caller(webs(range(1, 9)))
    caller.call("web-3", Outcome.CONNECT)
    caller.now += 1.0
    assert caller.memory.begin_trial(caller.peer("web-3"), caller.now)
    eject(caller, "web-1")
    caller.call("web-2", Outcome.CONNECT)
    assert verdicts(caller)[:3] == [
        (0.0, "ejected: consecutive_5xx; back in 30.0 s, at the next sweep"),
        (0.0, "its breaker is open; a trial in 1.0 s"),
        (0.0, "its breaker is half-open: one trial is under way"),
    ]


def test_in_panic_it_is_used_all_the_same() -> None:
    caller = Caller(webs([1, 2, 3]))
    eject(caller, "web-1", "web-2")
    share, why = verdicts(caller)[0]
    assert share == 0.333
    assert why.endswith("used all the same: too few are left")


def test_a_split_that_leaves_it_out() -> None:
    policy = Policy(subsets=(Subset(name="new", version="2"),), splits=(Split(subset="new", weight=1),))
    caller = Caller([web(1, version="1"), web(2, version="2")], policy)
    assert verdicts(caller) == [
        (0.0, "others are nearer, or carry the labels asked for"),
        (1.0, "in rotation"),
    ]


def test_without_an_endpoint_there_is_nothing_to_say() -> None:
    assert verdicts(Caller([], DEFAULT)) == []
