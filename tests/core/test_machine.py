"""The machine as a whole: what a restart, another history, retention and the first probes do to it."""

from random import Random

import pytest
from tests.core.scene import Scene

from muster.core.bucket import Bucket, Buckets
from muster.core.commands import Amend, Deregister, Drain, Expire, MarkOverdue, Remove, Revive, SetReach
from muster.core.machine import Machine
from muster.model import limits
from muster.model.check import Answer
from muster.testing.builders import NOON, http_check, instance, record, register


def test_an_expired_record_is_kept_for_its_retention() -> None:
    scene = Scene(retention=3600)
    scene.add("web-1", ttl=30)
    scene.run(3600)
    kept = scene.statuses("web-1")
    scene.run(60)
    assert (kept, len(scene.machine.state)) == (["expired"], 0)


def test_a_revived_record_is_not_removed() -> None:
    scene = Scene(retention=60)
    scene.add("web-1", ttl=30)
    scene.run(40)
    scene.do(Revive("default/web-1", 0, b"", scene.wall))
    scene.run(120, "web-1")
    assert scene.statuses("web-1") == ["healthy"]


def test_a_removal_that_could_not_be_committed_is_found_again() -> None:
    scene = Scene(retention=60)
    scene.add("web-1", ttl=30)
    scene.run(31)
    scene.store = False
    scene.run(70)
    scene.store = True
    scene.run(2)
    assert len(scene.machine.state) == 0


def test_a_wall_clock_that_was_stepped_removes_nothing_early() -> None:
    machine = Machine(Random(0), retention=3600)
    lapsed = record(expired_at=NOON)
    machine.load([(lapsed, 1)], 1, "e", 0.0, NOON - 10 * 3_600_000)
    machine.tick(3599.0, NOON)
    early = machine.take().commands
    machine.tick(3601.0, NOON)
    assert (early, machine.take().commands) == ([], [Remove("default/web-1", 1, "expired")])


def test_who_is_critical_for_too_long_is_removed() -> None:
    scene = Scene()
    scene.add("db", static=True, checks=[http_check(fall=1)], deregister_critical_after=60.0)
    scene.answers["db"] = Answer.REFUSED
    scene.run(58)
    kept = scene.statuses("db")
    scene.run(8)
    assert (kept, len(scene.machine.state)) == (["unhealthy"], 0)


def test_who_recovers_in_time_is_not_removed() -> None:
    scene = Scene()
    scene.add("db", static=True, checks=[http_check(fall=1)], deregister_critical_after=60.0)
    scene.answers["db"] = Answer.REFUSED
    scene.run(40)
    scene.answers.clear()
    scene.run(120)
    assert scene.statuses("db") == ["healthy"]


def test_a_check_that_begins_anew_is_critical_no_more() -> None:
    scene = Scene()
    scene.add("db", static=True, checks=[http_check(fall=1)], deregister_critical_after=60.0)
    scene.answers["db"] = Answer.REFUSED
    scene.run(40)
    scene.answers["db"] = Answer.UNASKED
    scene.add("db", static=True, checks=[http_check(fall=1, path="/else")], deregister_critical_after=60.0)
    scene.run(300)
    assert scene.statuses("db") == ["starting"]


# --- First probes ---------------------------------------------------------------------------------------------------


def test_everybody_is_probed_once() -> None:
    scene = Scene()
    scene.add("web-1", "web-2")
    scene.run(30, "web-1", "web-2")
    assert [len(scene.probes("reach", id)) for id in ("web-1", "web-2")] == [1, 1]


def test_after_a_restart_everybody_is_probed_again() -> None:
    scene = Scene()
    scene.add("web-1")
    scene.run(1)
    scene.restart()
    scene.run(1)
    assert "default/web-1" in scene.machine.suspicions.reached


def test_who_does_not_answer_is_asked_again_later_and_later() -> None:
    scene = Scene()
    scene.answers["web-1"] = Answer.REFUSED
    scene.add("web-1", static=True)
    scene.run(100)
    asked = scene.probes("reach", "web-1")
    scene.answers.clear()
    scene.run(100)
    assert [round(at) for at in asked] == [0, 10, 30, 70]
    assert len(scene.probes("reach", "web-1")) == 5


def test_a_mass_registration_waits_its_turn() -> None:
    scene = Scene()
    ids = [f"web-{n}" for n in range(int(limits.REACH_PROBES_BURST) + 50)]
    scene.add(*ids)
    scene.run(1)
    assert scene.machine.suspicions.reached == {f"default/{id}" for id in ids}


def test_who_becomes_ready_is_probed_then() -> None:
    scene = Scene()
    scene.answers["web-1"] = Answer.REFUSED
    scene.do(register(instance("web-1", host="web-1"), starting=True))
    scene.run(1)
    scene.answers.clear()
    scene.do(Amend("default/web-1", 0, b"", scene.wall, ready=True))
    scene.run(1)
    assert "default/web-1" in scene.machine.suspicions.reached


# --- Loading --------------------------------------------------------------------------------------------------------


def test_it_is_settled_after_the_longest_lease_and_at_most_ninety_seconds() -> None:
    machine = Machine(Random(0))
    machine.load([(record(instance(ttl=ttl, id=str(ttl))), 1) for ttl in (6.0, 60.0)], 1, "e", 100.0, NOON)
    usual = machine.settles_at()
    machine.load([(record(instance(ttl=3600.0)), 1)], 1, "f", 100.0, NOON)
    assert (usual, machine.settles_at(), machine.settled(189.0), machine.settled(190.0)) == (
        160.0,
        190.0,
        False,
        True,
    )


def test_a_compacted_tail_does_not_unsettle() -> None:
    machine = Machine(Random(0))
    machine.load([], 1, "e", 0.0, NOON)
    machine.load([], 9, "e", 1000.0, NOON)
    assert machine.settled(1000.0)


def test_another_history_unsettles() -> None:
    machine = Machine(Random(0))
    machine.load([], 1, "e", 0.0, NOON)
    machine.load([], 9, "f", 1000.0, NOON)
    assert not machine.settled(1029.0)


def test_open_sessions_outlive_a_reload() -> None:
    machine = Machine(Random(0))
    machine.load([(record(), 1)], 1, "e", 0.0, NOON)
    machine.session_opened("default/web-1", 1, 0.0)
    machine.load([(record(), 1)], 9, "f", 1.0, NOON)
    assert machine.sessions == {("default/web-1", 1): 1}


# --- Our own commands -----------------------------------------------------------------------------------------------


def test_a_command_whose_reason_is_over_is_not_begun() -> None:
    scene = Scene()
    scene.add("web-1")
    late = [
        Expire("default/web-1", 1, NOON),
        MarkOverdue("default/web-1", 1, NOON),
        SetReach("default/web-1", 1, True, NOON),
        Expire("default/nobody", 1, NOON),
    ]
    assert [scene.machine.begin(command) for command in late] == [False] * 4


def test_a_revival_that_could_not_be_committed_is_tried_again() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(16)
    scene.store = False
    scene.renew("web-1")
    scene.run(3)
    scene.store = True
    scene.run(2)
    assert not scene.record("web-1").facts.overdue


def test_an_overdue_mark_that_could_not_be_committed_is_found_again() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.store = False
    scene.run(16)
    scene.store = True
    scene.run(6)
    assert scene.record("web-1").facts.overdue


def test_a_drained_one_may_go_on_renewing() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.do(Drain("default/web-1", 0, b"", scene.wall))
    scene.run(60, "web-1")
    assert scene.statuses("web-1") == ["draining"]


def test_nothing_is_left_of_who_is_removed() -> None:
    scene = Scene()
    scene.add("web-1", checks=[http_check()])
    scene.run(2)
    scene.do(Deregister("default/web-1", 0, b""))
    machine = scene.machine
    assert (len(machine.leases), list(machine.checks.all()), machine.suspicions.reached) == (0, [], set())


# --- Buckets --------------------------------------------------------------------------------------------------------


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, now=10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.ready_at(10.0) == pytest.approx(10.5)
    assert [bucket.take(10.5), bucket.take(10.5), bucket.take(99.0)] == [True, False, True]


def test_of_too_many_buckets_the_least_recent_is_forgotten() -> None:
    buckets = Buckets(rate=0.0, burst=1.0, room=2)
    assert [buckets.take(name, 0.0) for name in ("a", "b", "a", "c", "b")] == [True, True, False, True, True]
