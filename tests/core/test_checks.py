"""Checks: thresholds, the first result, damping, TTL checks, and what silence and refusals are worth."""

from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace
from tests.core.scene import Scene

from muster.core.checks import RESULT_OF, STARTING_INTERVAL_S, Checks, Tracker
from muster.core.state import entry_of
from muster.model import limits
from muster.model.check import HEALTH_OF, Answer, Check, Health, Result
from muster.model.errors import Rejected
from muster.testing.builders import http_check, instance, record, register, ttl_check

OTHERS = [f"other-{n}" for n in range(10)]
KEY = "default/web-1"

ANSWER: dict[Result, Answer] = {"pass": Answer.ANSWERED, "warn": Answer.WARNED, "fail": Answer.FAILED}


def tracked(check: Check, health: Health = "passing") -> tuple[Checks, Tracker]:
    """One check whose decisions are committed by `feed`."""
    checks = Checks(Random(0))
    checks.follow(entry_of(record(instance(checks=[check]), checks={check.name: health}), 1), 0.0)
    return checks, checks.of(KEY)[0]


def feed(checks: Checks, tracker: Tracker, results: str, *, every: float = 10.0, start: float = 0.0) -> str:
    """p, w, f: pass, warn, fail, `every` s. The health after each as p, w, f or u."""
    letters: dict[str, Result] = {"p": "pass", "w": "warn", "f": "fail"}
    seen = ""
    for n, letter in enumerate(results):
        now = start + n * every
        if changed := checks.probed(tracker, ANSWER[letters[letter]], "", now):
            checks.follow(
                entry_of(
                    record(instance(checks=[tracker.check]), checks={tracker.check.name: changed.health}), 1
                ),
                now,
            )
        seen += tracker.health[0]
    return seen


# --- Thresholds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "results", "healths"),
    [
        ("passing", "ffff", "ppff"),
        ("passing", "ffpff", "ppppp"),
        ("failing", "pppp", "fppp"),
        ("failing", "pfpfpp", "fffffp"),
        ("unknown", "p", "p"),
        ("unknown", "w", "w"),
        ("unknown", "fff", "uuf"),
        ("passing", "wpw", "wpw"),
        ("failing", "wp", "fp"),
        ("warning", "fffpp", "wwffp"),
    ],
)
def test_fall_and_rise(begins: Health, results: str, healths: str) -> None:
    checks, tracker = tracked(http_check(fall=3, rise=2), begins)
    assert feed(checks, tracker, results) == healths


@pytest.mark.parametrize(
    ("begins", "results", "healths"),
    [
        ("passing", "ffff", "pwwf"),
        ("passing", "ffpfffff", "pwppwwff"),
        ("warning", "ffff", "wwwf"),
        ("failing", "ppffff", "fppwwf"),
        ("unknown", "ffff", "uuuf"),
        ("passing", "fwfff", "pwwww"),
    ],
)
def test_a_warning_before_the_fall(begins: Health, results: str, healths: str) -> None:
    checks, tracker = tracked(http_check(fall=4, rise=2, warn=2), begins)
    assert feed(checks, tracker, results) == healths


@pytest.mark.parametrize(
    ("answer", "health"), [(a, RESULT_OF[a] and HEALTH_OF[RESULT_OF[a]]) for a in Answer]
)  # type: ignore[index]
def test_what_a_first_answer_is_worth(answer: Answer, health: Health | None) -> None:
    checks, tracker = tracked(http_check(fall=1), "unknown")
    changed = checks.probed(tracker, answer, "", 0.0)
    assert (changed and changed.health) == health


def test_nothing_follows_from_a_probe_that_could_not_be_sent() -> None:
    checks, tracker = tracked(http_check(fall=2))
    told = [
        checks.probed(tracker, answer, "", 0.0) for answer in (Answer.FAILED, Answer.UNASKED, Answer.FAILED)
    ]
    assert [changed and changed.health for changed in told] == [None, None, "failing"]


def test_a_decision_is_not_repeated_while_it_is_being_committed() -> None:
    checks, tracker = tracked(http_check(fall=1))
    assert checks.probed(tracker, Answer.FAILED, "", 0.0) is not None
    assert checks.probed(tracker, Answer.FAILED, "", 1.0) is None


def test_a_decision_that_could_not_be_committed_is_made_again() -> None:
    checks, tracker = tracked(http_check(fall=3))
    feed(checks, tracker, "ff")
    assert checks.probed(tracker, Answer.FAILED, "", 30.0) is not None
    checks.not_committed(KEY, "health", 31.0)
    changed = checks.probed(tracker, Answer.FAILED, "", 40.0)
    assert changed is not None
    assert changed.health == "failing"


def test_only_the_latest_decision_is_wanted() -> None:
    checks, tracker = tracked(http_check(fall=1, rise=1))
    checks.probed(tracker, Answer.FAILED, "", 0.0)
    checks.probed(tracker, Answer.ANSWERED, "", 1.0)
    assert [checks.wants(KEY, 1, "health", health) for health in ("failing", "passing")] == [False, True]


# --- When it runs ---------------------------------------------------------------------------------------------------


def test_a_check_runs_at_once_then_every_interval() -> None:
    scene = Scene()
    scene.add("web-1", checks=[http_check(interval=10.0)])
    scene.run(60, "web-1")
    first, *rest = scene.probes("check", "web-1")
    gaps = [later - earlier for earlier, later in pairwise([first, *rest])]
    assert first <= limits.FIRST_PROBE_JITTER_S + 0.05
    assert all(9.4 < gap < 10.6 for gap in gaps), gaps


def test_a_starting_one_is_asked_often_until_it_answers() -> None:
    scene = Scene()
    scene.answers["web-1"] = Answer.REFUSED
    scene.add("web-1", checks=[http_check(interval=10.0, fall=20)])
    scene.run(5)
    assert len(scene.probes("check", "web-1")) >= 4 / STARTING_INTERVAL_S
    scene.answers.clear()
    scene.run(1.5)
    assert scene.statuses("web-1") == ["healthy"]


def test_who_drains_is_checked_no_more() -> None:
    checks, _ = tracked(http_check())
    checks.follow(
        entry_of(record(instance(checks=[http_check()]), draining=True, checks={"health": "passing"}), 2), 1.0
    )
    assert checks.of(KEY) == ()


def test_a_changed_check_begins_anew_and_the_others_go_on() -> None:
    checks = Checks(Random(0))
    told = instance(checks=[http_check("a"), http_check("b")])
    checks.follow(entry_of(record(told, checks={"a": "passing", "b": "passing"}), 1), 0.0)
    a, b = checks.of(KEY)
    told = instance(checks=[http_check("a", path="/else"), http_check("b")])
    checks.follow(entry_of(record(told, checks={"a": "unknown", "b": "passing"}), 2), 1.0)
    after_a, after_b = checks.of(KEY)
    assert (after_a is a, after_b is b, after_a.health) == (False, True, "unknown")


# --- Damping: RFC 2439 ----------------------------------------------------------------------------------------------


def test_each_fall_adds_a_penalty_that_halves_with_time() -> None:
    checks, tracker = tracked(http_check(fall=1, rise=1))
    feed(checks, tracker, "fpfp", every=1.0)
    at = tracker.penalty_at
    penalties = [
        round(tracker.decayed(at + wait))
        for wait in (0.0, limits.FLAP_HALF_LIFE_S, 2 * limits.FLAP_HALF_LIFE_S)
    ]
    assert penalties == [pytest.approx(1977, abs=3), pytest.approx(989, abs=3), pytest.approx(494, abs=3)]


def test_who_flaps_too_often_stays_out_until_it_calmed_down() -> None:
    checks, tracker = tracked(http_check(fall=1, rise=1))
    flapping = feed(checks, tracker, "fp" * 6, every=1.0)
    assert flapping == "fpfpfpfpffff"
    calm = feed(checks, tracker, "p" * 40, every=10.0, start=12.0)
    out_for = calm.index("p") * 10.0
    assert 2 * limits.FLAP_HALF_LIFE_S <= out_for <= 3 * limits.FLAP_HALF_LIFE_S


def test_nobody_is_kept_out_longer_than_three_half_lives() -> None:
    checks, tracker = tracked(http_check(fall=1, rise=1))
    tracker.penalty, tracker.penalty_at = limits.FLAP_PENALTY_MAX, 0.0
    feed(checks, tracker, "f")
    assert tracker.penalty == limits.FLAP_PENALTY_MAX
    assert tracker.decayed(3 * limits.FLAP_HALF_LIFE_S) <= limits.FLAP_REUSE


def test_a_fall_that_nobody_saw_is_no_flap() -> None:
    checks, tracker = tracked(http_check(fall=1))
    checks.probed(tracker, Answer.FAILED, "", 0.0)
    checks.not_committed(KEY, "health", 1.0)
    assert (checks.flaps, tracker.penalty) == (0, 0.0)


# --- TTL checks -----------------------------------------------------------------------------------------------------


def push(scene: Scene, result: Result, check: str = "") -> str:
    try:
        health, command = scene.machine.push(KEY, 0, b"", check, result, "said so", scene.now, scene.wall)
    except Rejected as refusal:
        return refusal.code
    if command is not None:
        scene.do(command)
    return health


def with_pulse(ttl: float = 10.0) -> Scene:
    scene = Scene()
    scene.do(register(instance("web-1", host="web-1", checks=[ttl_check(ttl=ttl)])))
    scene.add(*OTHERS)
    return scene


def test_an_instances_word_counts_at_once() -> None:
    scene = with_pulse()
    results: tuple[Result, ...] = ("fail", "pass", "warn")
    told = [(push(scene, result), *scene.statuses("web-1")) for result in results]
    assert told == [("failing", "unhealthy"), ("passing", "healthy"), ("warning", "degraded")]


def test_a_repeated_pass_writes_nothing() -> None:
    scene = with_pulse()
    before = scene.machine.state.revision
    assert [push(scene, "pass") for _ in range(3)] == ["passing"] * 3
    assert scene.machine.state.revision == before


def test_who_says_nothing_in_time_fails() -> None:
    scene = with_pulse(ttl=10.0)
    scene.run(9, "web-1", *OTHERS, every=1.0)
    push(scene, "pass")
    scene.run(9.5, "web-1", *OTHERS, every=1.0)
    before = scene.statuses("web-1")
    scene.run(2, "web-1", *OTHERS, every=1.0)
    assert (before, scene.statuses("web-1"), push(scene, "pass")) == (["healthy"], ["unhealthy"], "passing")


def test_a_lapse_that_could_not_be_committed_is_found_again() -> None:
    scene = with_pulse(ttl=10.0)
    scene.store = False
    scene.run(12, "web-1", *OTHERS, every=1.0)
    scene.store = True
    scene.run(2, "web-1", *OTHERS, every=1.0)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_a_push_that_could_not_be_committed_counts_again() -> None:
    scene = with_pulse()
    scene.store = False
    push(scene, "fail")
    scene.store = True
    push(scene, "fail")
    assert scene.statuses("web-1") == ["unhealthy"]


@pytest.mark.parametrize(
    ("checks", "named", "code"),
    [
        ([http_check()], "", "unknown_check"),
        ([http_check()], "health", "unknown_check"),
        ([ttl_check("a"), ttl_check("b")], "", "unknown_check"),
        ([ttl_check("a"), ttl_check("b")], "c", "unknown_check"),
        ([ttl_check("a"), ttl_check("b")], "b", "passing"),
    ],
)
def test_a_push_names_a_ttl_check_or_there_is_only_one(checks: list[Check], named: str, code: str) -> None:
    scene = Scene()
    scene.do(register(instance("web-1", checks=checks)))
    assert push(scene, "pass", named) == code


# --- Silence, refusals, and the guard -------------------------------------------------------------------------------


def checked_zone() -> Scene:
    scene = Scene()
    scene.add(*OTHERS, checks=[http_check(interval=1.0, timeout=0.5)])
    scene.run(2, *OTHERS)
    return scene


def test_one_that_times_out_among_others_fails() -> None:
    scene = checked_zone()
    scene.answers["other-0"] = Answer.SILENT
    scene.run(8, *OTHERS)
    assert scene.statuses(*OTHERS[:2]) == ["unhealthy", "healthy"]


def test_when_all_time_out_nobody_fails() -> None:
    scene = checked_zone()
    scene.answers.update(dict.fromkeys(OTHERS, Answer.SILENT))
    scene.run(60)
    assert scene.statuses(*OTHERS) == ["healthy"] * 10


def test_what_a_firewalls_refusals_made_of_checks_is_taken_back() -> None:
    scene = checked_zone()
    scene.answers.update(dict.fromkeys(OTHERS, Answer.REFUSED))
    scene.run(60, *OTHERS)
    assert scene.statuses(*OTHERS) == ["healthy"] * 10


def test_a_pushed_pulse_that_stops_everywhere_at_once_proves_nothing() -> None:
    scene = Scene()
    scene.add(*OTHERS[:3], checks=[ttl_check(ttl=5.0)])
    scene.run(2, *OTHERS[:3])
    scene.answers.update(dict.fromkeys(OTHERS, Answer.SILENT))
    scene.run(60)
    assert scene.statuses(*OTHERS[:3]) == ["healthy"] * 3


def test_a_check_without_a_ttl_stands_until_the_next_word() -> None:
    scene = with_pulse(ttl=0.0)
    scene.run(10_000.0)
    assert scene.record("web-1").status == "healthy"


def test_a_check_begins_with_the_health_it_was_registered_with() -> None:
    scene = Scene()
    scene.add("web-1", ttl=3_600.0, checks=[replace(ttl_check("pulse", ttl=10.0), initial="unknown")])
    assert scene.record("web-1").status == "starting"
    scene.run(30.0)
    assert scene.record("web-1").status == "unhealthy"


def test_a_check_of_another_host_says_nothing_of_the_instances_reach() -> None:
    for host, reached in (("", True), ("elsewhere", False)):
        scene = Scene()
        scene.add("web-1", ttl=3_600.0, port=0, checks=[http_check(host=host, port=80)])
        scene.run(5.0)
        assert scene.record("web-1").status == "healthy"
        assert ("default/web-1" in scene.machine.suspicions.reached) is reached
