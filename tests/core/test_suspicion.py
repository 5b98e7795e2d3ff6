"""Suspicion: hints that lead to probes, probes that lead to verdicts, and verdicts that are taken back."""

from itertools import pairwise

import pytest
from tests.core.scene import Scene

from muster.core.suspicion import Suspicions
from muster.model import limits
from muster.model.check import Answer
from muster.model.errors import Rejected
from muster.testing.builders import instance, register, ttl_check

OTHERS = [f"other-{n}" for n in range(10)]


def stage(*ids: str) -> Scene:
    """These, in a zone where others are seen all the time; every one of them was reached once."""
    scene = Scene()
    scene.add(*ids, *OTHERS)
    scene.run(2)
    return scene


def go_on(scene: Scene, seconds: float) -> None:
    scene.run(seconds, *OTHERS, every=0.2)


def test_refused_is_a_verdict_at_once() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.lose("web-1")
    go_on(scene, 0.05)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_three_unanswered_probes_are_a_verdict_within_two_seconds() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    go_on(scene, 1.4)
    before = scene.statuses("web-1")
    go_on(scene, 0.5)
    assert (before, scene.statuses("web-1"), len(scene.probes("confirm", "web-1"))) == (
        ["healthy"],
        ["unhealthy"],
        3,
    )


def test_an_answer_means_that_nothing_happened() -> None:
    scene = stage("web-1")
    scene.lose("web-1")
    go_on(scene, limits.DYING_S + 2)
    assert (scene.statuses("web-1"), scene.machine.suspicions.get("default/web-1")) == (["healthy"], None)


def test_a_killed_process_that_still_listens_is_asked_again() -> None:
    scene = stage("web-1")
    scene.lose("web-1")
    go_on(scene, 0.02)
    scene.answers["web-1"] = Answer.REFUSED
    go_on(scene, 0.5)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_a_sign_of_life_outweighs_silent_probes() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    go_on(scene, 1.0)
    scene.renew("web-1")
    go_on(scene, 5.0)
    assert scene.statuses("web-1") == ["healthy"]


def test_a_new_session_is_a_sign_of_life() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    go_on(scene, 1.0)
    scene.machine.session_opened("default/web-1", scene.record("web-1").generation, scene.now)
    go_on(scene, 5.0)
    assert scene.statuses("web-1") == ["healthy"]


def test_what_was_never_reached_cannot_be_judged() -> None:
    scene = Scene()
    scene.answers["web-1"] = Answer.SILENT
    scene.add("web-1", *OTHERS)
    go_on(scene, 5)
    scene.lose("web-1")
    go_on(scene, 5)
    assert (scene.probes("confirm", "web-1"), scene.statuses("web-1")) == ([], ["healthy"])


def test_who_said_goodbye_is_not_suspected() -> None:
    scene = stage("web-1")
    scene.machine.session_opened("default/web-1", scene.record("web-1").generation, scene.now)
    scene.machine.session_closed("default/web-1", scene.record("web-1").generation, scene.now, lost=False)
    go_on(scene, 1)
    assert scene.probes("confirm", "web-1") == []


def test_a_session_carried_by_another_stream_is_not_lost() -> None:
    scene = stage("web-1")
    for _ in range(2):
        scene.machine.session_opened("default/web-1", scene.record("web-1").generation, scene.now)
    scene.machine.session_closed("default/web-1", scene.record("web-1").generation, scene.now, lost=True)
    go_on(scene, 1)
    assert scene.probes("confirm", "web-1") == []


def test_an_older_processs_session_says_nothing_of_this_one() -> None:
    scene = stage("web-1")
    generation = scene.record("web-1").generation
    scene.machine.session_opened("default/web-1", generation - 1, scene.now)
    scene.machine.session_closed("default/web-1", generation - 1, scene.now, lost=True)
    go_on(scene, 1)
    assert scene.probes("confirm", "web-1") == []


def test_a_verdict_is_taken_back_by_the_first_answer() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.lose("web-1")
    go_on(scene, 0.5)
    scene.answers.clear()
    go_on(scene, 1.0)
    assert scene.statuses("web-1") == ["healthy"]


def test_recovery_probes_back_off_to_ten_seconds() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.lose("web-1")
    for _ in range(60):
        scene.renew("web-1")
        go_on(scene, 1)
    times = scene.probes("recover", "web-1")
    gaps = [round(later - earlier) for earlier, later in pairwise(times)]
    assert gaps[:6] == [2, 4, 8, 10, 10, 10]


def test_another_process_under_the_id_is_not_judged_by_the_last_ones_death() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.lose("web-1")
    go_on(scene, 0.5)
    scene.do(register(instance("web-1", host="web-1"), "second"))
    assert scene.statuses("web-1") == ["healthy"]


def test_an_expired_one_is_probed_no_more() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.lose("web-1")
    go_on(scene, 40)
    expired_at = len(scene.probes("recover", "web-1"))
    go_on(scene, 60)
    assert (scene.statuses("web-1"), len(scene.probes("recover", "web-1"))) == (["expired"], expired_at)


def test_a_verdict_that_could_not_be_committed_is_found_again() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    scene.store = False
    scene.lose("web-1")
    go_on(scene, 5)
    scene.store = True
    go_on(scene, 1.5)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_an_overdue_one_is_probed_and_keeps_its_time() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.SILENT
    go_on(scene, 26)
    assert (scene.statuses("web-1"), scene.probes("confirm", "web-1") != []) == (["healthy"], True)


def test_an_overdue_one_that_refuses_is_gone() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    go_on(scene, 16)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_alone_in_the_world_it_is_judged_by_itself() -> None:
    scene = Scene()
    scene.add("web-1")
    scene.run(2)
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    scene.run(3)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_in_a_quiet_zone_a_witness_is_asked_before_the_verdict() -> None:
    scene = Scene()
    scene.add("web-1", "web-2", "web-3", ttl=3600)
    scene.run(60)
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    scene.run(2.5)
    assert (scene.statuses("web-1"), scene.probes("witness", "web-2") != []) == (["unhealthy"], True)


def test_where_no_witness_answers_the_registry_doubts_itself() -> None:
    scene = Scene()
    scene.add("web-1", "web-2", "web-3", ttl=3600)
    scene.run(60)
    scene.answers.update(dict.fromkeys(["web-1", "web-2", "web-3"], Answer.SILENT))
    scene.lose("web-1")
    scene.run(60)
    assert scene.statuses("web-1") == ["healthy"]


# --- Reports and budgets --------------------------------------------------------------------------------------------


def report(scene: Scene, id: str, source: str, generation: int = 0) -> str:
    try:
        scene.machine.report(f"default/{id}", generation, source, scene.now)
    except Rejected as refusal:
        return refusal.code
    return "accepted"


def test_a_callers_failed_call_is_a_hint() -> None:
    scene = stage("web-1")
    scene.answers["web-1"] = Answer.REFUSED
    assert report(scene, "web-1", "10.9.9.9") == "accepted"
    go_on(scene, 0.1)
    assert scene.statuses("web-1") == ["unhealthy"]


def test_a_report_on_an_older_generation_is_accepted_and_means_nothing() -> None:
    scene = stage("web-1")
    assert report(scene, "web-1", "10.9.9.9", generation=999) == "accepted"
    go_on(scene, 1)
    assert scene.probes("confirm", "web-1") == []


def test_a_report_on_nobody_is_refused() -> None:
    assert report(stage(), "nobody", "10.9.9.9") == "unknown_instance"


def test_one_source_has_a_budget_however_many_it_names() -> None:
    suspicions = Suspicions(0.0)
    told = [suspicions.admit("10.9.9.9", f"default/{n}", 0.0) for n in range(60)]
    assert sum(told) == limits.REPORTS_PER_SOURCE_BURST
    assert suspicions.admit("10.9.9.8", "default/0", 0.0)
    assert suspicions.admit("10.9.9.9", "default/99", 1.0)


def test_one_instance_has_a_budget_however_many_report_it() -> None:
    suspicions = Suspicions(0.0)
    told = [suspicions.admit(f"10.9.9.{n}", "default/web-1", 0.0) for n in range(20)]
    assert sum(told) == limits.REPORTS_PER_INSTANCE_BURST


def test_confirming_probes_have_a_budget_in_all_and_the_rest_waits() -> None:
    suspicions = Suspicions(0.0)
    names = [f"default/{n}" for n in range(int(limits.SUSPICION_PROBES_BURST) + 100)]
    suspicions.reached.update(names)
    for name in names:
        suspicions.raise_(name, 1, "reported", 0.0)
    first = suspicions.due(0.0, 10**6)
    later = suspicions.next_deadline(0.0)
    assert (len(first), later) == (
        limits.SUSPICION_PROBES_BURST,
        pytest.approx(1 / limits.SUSPICION_PROBES_PER_S),
    )
    assert len(suspicions.due(1.0, 10**6)) == 100


def test_a_lost_session_upgrades_an_overdue_suspicion() -> None:
    suspicions = Suspicions(0.0)
    suspicions.reached.add("a")
    suspicions.raise_("a", 1, "overdue", 0.0)
    suspicions.raise_("a", 1, "session lost", 5.0)
    suspicions.raise_("a", 1, "reported", 6.0)
    known = suspicions.get("a")
    assert known is not None
    assert (known.cause, known.since) == ("session lost", 5.0)


def test_a_push_is_a_sign_of_life() -> None:
    scene = stage()
    scene.do(register(instance("web-1", host="web-1", checks=[ttl_check()])))
    go_on(scene, 1)
    scene.answers["web-1"] = Answer.SILENT
    scene.lose("web-1")
    go_on(scene, 1.0)
    scene.machine.push("default/web-1", 0, b"", "", "pass", "", scene.now, scene.wall)
    go_on(scene, 3)
    assert scene.statuses("web-1") == ["healthy"]
