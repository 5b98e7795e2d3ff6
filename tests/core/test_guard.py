"""The guard: every rule of design section 5, in zones of ten."""

import pytest
from tests.core.scene import Scene

from muster.core.guard import Guard, HoldReport, Rules
from muster.core.zone import Zone
from muster.model import limits
from muster.model.check import Answer

A = [f"a{n}" for n in range(10)]
B = [f"b{n}" for n in range(10)]


def zones(scene: Scene) -> dict[str | None, str]:
    return {report.zone: report.state for report in scene.machine.guard.report(scene.now)}


def report(scene: Scene, zone: str | None) -> HoldReport:
    return next(r for r in scene.machine.guard.report(scene.now) if r.zone == zone)


def scene_of(*groups: list[str]) -> Scene:
    scene = Scene()
    for group in groups:
        scene.add(*group, zone=group[0][0])
    return scene


def expired(scene: Scene, *ids: str) -> list[str]:
    return [id for id in ids if scene.record(id).status == "expired"]


# --- When a zone is held --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leased", "silent", "held"),
    [(10, 1, False), (10, 2, True), (20, 3, False), (20, 4, True), (2, 2, True), (1, 1, False)],
)
def test_a_zone_is_held_above_fifteen_percent_and_two(leased: int, silent: int, held: bool) -> None:
    zone = Zone("a")
    zone.leased, zone.overdue = leased, {str(n) for n in range(silent)}
    guard = Guard({"a": zone})
    guard.look(0.0, 0)
    assert guard.holds("a", "0") is held


def test_unanswered_suspicions_count_as_silent() -> None:
    zone = Zone("a")
    zone.leased, zone.overdue, zone.unanswered = 10, {"0"}, {"1"}
    guard = Guard({"a": zone})
    guard.look(0.0, 0)
    assert guard.holds("a", "0")


def test_one_that_falls_silent_among_others_expires() -> None:
    scene = scene_of(A)
    scene.run(40, *A[1:])
    assert expired(scene, *A) == ["a0"]


def test_who_falls_silent_in_a_held_zone_stays_listed_but_is_marked() -> None:
    scene = scene_of(A)
    scene.answers.update(dict.fromkeys(A[:3], Answer.SILENT))
    scene.run(60, *A[3:])
    assert scene.statuses(*A[:3]) == ["healthy"] * 3
    assert [scene.record(id).facts.overdue for id in A[2:4]] == [True, False]
    assert zones(scene) == {None: "clear", "a": "held"}


def test_one_zone_does_not_protect_another() -> None:
    scene = scene_of(A, B)
    scene.run(40, *A[3:], *B[1:])
    assert (expired(scene, *A), expired(scene, *B)) == ([], ["b0"])


def test_a_hold_lasts_until_its_condition_was_false_for_ninety_seconds() -> None:
    scene = scene_of(A)
    scene.run(20, *A[2:])
    scene.run(limits.GUARD_CLEAR_S - 5, *A)
    still = zones(scene)["a"]
    scene.run(10, *A)
    assert (still, zones(scene)["a"]) == ("held", "clear")


# --- Sight ----------------------------------------------------------------------------------------------------------


def test_where_some_are_seen_the_silent_rest_leaves_after_ninety_seconds() -> None:
    scene = scene_of(A)
    scene.answers.update(dict.fromkeys(A[:3], Answer.SILENT))
    scene.run(15 + limits.GUARD_CLEAR_S - 2, *A[3:])
    before = expired(scene, *A)
    scene.run(15, *A[3:])
    assert (before, expired(scene, *A)) == ([], A[:3])


def test_who_answers_probes_is_not_part_of_the_silent_rest() -> None:
    scene = scene_of(A)
    scene.answers.update(dict.fromkeys(A[:2], Answer.SILENT))
    scene.run(15 + limits.GUARD_CLEAR_S + 60, *A[4:])
    assert expired(scene, *A) == A[:2]
    assert scene.statuses(*A[2:4]) == ["healthy"] * 2


def test_where_nobody_is_seen_the_hold_has_no_end() -> None:
    scene = scene_of(A, B)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(3600, *B)
    assert (expired(scene, *A), zones(scene)["a"]) == ([], "held")
    assert "nobody there is seen" in report(scene, "a").exit


def test_sight_ends_a_hold_ninety_seconds_after_it_came_back() -> None:
    scene = scene_of(A)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(300)
    scene.run(limits.GUARD_CLEAR_S - 10, *A[5:])
    before = expired(scene, *A)
    scene.run(30, *A[5:])
    assert (before, expired(scene, *A)) == ([], A[:5])


def test_after_a_release_a_new_wave_of_silence_is_held_anew() -> None:
    scene = scene_of(A)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(15 + limits.GUARD_CLEAR_S + 15, *A[2:])
    first = expired(scene, *A)
    scene.run(60, *A[5:])
    assert (first, expired(scene, *A)) == (A[:2], A[:2])


# --- The registry itself --------------------------------------------------------------------------------------------


def test_all_zones_at_once_mean_that_the_registry_is_blind() -> None:
    scene = Scene()
    for zone in "abcde":
        scene.add(f"{zone}0", zone=zone)
        scene.answers[f"{zone}0"] = Answer.SILENT
    scene.run(600)
    assert scene.statuses("a0", "b0", "c0", "d0", "e0") == ["healthy"] * 5
    assert (zones(scene)[None], scene.machine.guard.suspect) == ("held", True)


def test_a_pause_holds_everybody_until_it_is_clear_that_they_are_there() -> None:
    scene = scene_of(A)
    scene.run(10, *A)
    scene.machine.paused(60.0, scene.now, scene.wall)
    scene.run(60, *A[1:])
    held = expired(scene, *A)
    scene.run(limits.GUARD_CLEAR_S, *A[1:])
    assert (held, expired(scene, *A)) == ([], ["a0"])


def test_a_pause_after_a_release_holds_again() -> None:
    scene = scene_of(A)
    scene.machine.paused(2.0, scene.now, scene.wall)
    scene.machine.guard.release(None)
    scene.machine.paused(2.0, scene.now, scene.wall)
    assert scene.machine.guard.suspect


def test_the_first_to_fall_silent_is_safe_where_nobody_else_is_heard() -> None:
    """Its lease is over long before the others are even overdue."""
    scene = Scene()
    scene.add("quick", ttl=3)
    scene.add(*A[:5])
    scene.run(5, "quick", *A[:5], every=1.0)
    scene.answers.update(dict.fromkeys(["quick", *A], Answer.SILENT))
    scene.run(120)
    assert scene.statuses("quick", *A[:5]) == ["healthy"] * 6


# --- Proof, and lies ------------------------------------------------------------------------------------------------


def test_a_refused_connection_withdraws_from_a_held_zone() -> None:
    scene = scene_of(A)
    scene.run(2, *A)
    scene.answers.update(dict.fromkeys(A[:5], Answer.SILENT) | {"a0": Answer.REFUSED})
    scene.run(30, *A[5:])
    assert (zones(scene)["a"], scene.statuses(*A[:2])) == ("held", ["unhealthy", "healthy"])


# --- Operators ------------------------------------------------------------------------------------------------------


def test_an_operator_ends_a_hold_for_the_silent_rest() -> None:
    scene = scene_of(A, B)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(120, *B)
    assert scene.machine.guard.release("a")
    scene.run(10, *B)
    assert (expired(scene, *A), expired(scene, *B)) == (A, [])


def test_there_is_nothing_to_end_where_nothing_is_held() -> None:
    scene = scene_of(A)
    assert [scene.machine.guard.release(zone) for zone in ("a", "nowhere", None)] == [False] * 3


def test_rules_are_the_operators() -> None:
    zone = Zone("a")
    zone.leased, zone.overdue = 10, {str(n) for n in range(4)}
    guard = Guard({"a": zone}, Rules(ratio=0.5, minimum=3, clear=10.0))
    guard.look(0.0, 0)
    assert not guard.holds("a", "0")


def test_a_report_says_what_why_since_when_and_how_it_ends() -> None:
    scene = scene_of(A)
    scene.run(20, *A[2:])
    told = report(scene, "a")
    assert (told.state, told.reason, told.leased, told.silent, told.seen) == (
        "held",
        "2 of 10 leased instances fell silent",
        10,
        2,
        True,
    )
    assert told.exit.startswith("some are seen: the silent rest may expire in ")


def test_a_zone_without_leases_is_not_reported() -> None:
    scene = scene_of(A)
    scene.run(40, *A[1:])
    assert list(zones(scene)) == [None, "a"]


def test_an_operators_word_ends_every_doubt() -> None:
    """At once, though nobody of the zone is seen."""
    scene = scene_of(A, B)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(31, *B)
    scene.machine.guard.release("a")
    scene.run(6, *B)
    assert expired(scene, *A) == A


def test_who_was_seen_last_may_have_fallen_silent_too() -> None:
    """A zone that was seen for a while during its hold, and then not at all, is not seen."""
    scene = scene_of(A, B)
    scene.answers.update(dict.fromkeys(A, Answer.SILENT))
    scene.run(60, *A[2:], *B)
    scene.run(600, *B)
    assert expired(scene, *A) == []
