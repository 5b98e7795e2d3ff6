"""Leases: what silence becomes, step by step, and what calls it off."""

from tests.core.scene import Scene

from muster.core.leases import Leases
from muster.core.renewal import Renewal
from muster.core.state import Entry, entry_of
from muster.testing.builders import instance, record, register

KEY = "default/web-1"


def entry(generation: int = 1, **more: object) -> Entry:
    facts = {name: more.pop(name) for name in ("overdue", "expired_at") if name in more}
    owner = more.pop("owner", b"")
    assert isinstance(owner, bytes)
    return entry_of(record(instance(**more), generation=generation, owner=owner, **facts), 9)  # type: ignore[arg-type]


def test_a_heartbeat_is_answered_by_what_is_known() -> None:
    leases = Leases()
    leases.follow(entry(generation=5, owner=b"me"), 0.0)
    assert [
        leases.renew("default/else", 0, b"", 1.0),
        leases.renew(KEY, 4, b"me", 1.0),
        leases.renew(KEY, 5, b"", 1.0),
        leases.renew(KEY, 0, b"me", 1.0),
    ] == [Renewal.UNKNOWN, Renewal.SUPERSEDED, Renewal.NOT_OWNER, Renewal.RENEWED]


def test_who_was_replaced_by_a_static_instance_learns_it() -> None:
    scene = Scene()
    scene.add("web-1")
    before = scene.record("web-1").generation
    scene.do(register(instance("web-1", static=True), incarnation="second"))
    assert scene.machine.renew("default/web-1", before, b"", scene.now, scene.wall) is Renewal.SUPERSEDED


def test_a_static_instance_has_no_lease() -> None:
    scene = Scene()
    scene.add("web-1", static=True)
    scene.run(3600)
    assert (scene.statuses("web-1"), scene.renew("web-1")) == (["healthy"], [Renewal.STATIC])


def test_silence_is_marked_after_one_and_a_half_intervals_and_expires_after_the_ttl() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(14.9)
    in_time = scene.record("web-1").facts
    scene.run(0.2)
    marked = scene.record("web-1").facts
    scene.run(14.8)
    last = scene.statuses("web-1")
    scene.run(0.2)
    assert (in_time.overdue, marked.overdue, last, scene.statuses("web-1")) == (
        False,
        True,
        ["healthy"],
        ["expired"],
    )


def test_who_renews_in_time_stays_and_writes_nothing() -> None:
    scene = Scene()
    scene.add("web-1", ttl=6)
    scene.run(600, "web-1", every=2.0)
    assert (scene.statuses("web-1"), scene.machine.state.revision) == (["healthy"], 1)


def test_a_late_heartbeat_takes_the_mark_off() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(20)
    marked = scene.record("web-1").facts.overdue
    assert (marked, scene.renew("web-1"), scene.record("web-1").facts.overdue) == (
        True,
        [Renewal.RENEWED],
        False,
    )


def test_what_was_late_once_expires_a_whole_ttl_after_its_heartbeat() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(20)
    scene.renew("web-1")
    scene.run(29.9)
    before = scene.statuses("web-1")
    scene.run(0.2)
    assert (before, scene.statuses("web-1")) == (["healthy"], ["expired"])


def test_a_heartbeat_that_comes_while_the_expiry_waits_calls_it_off() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.store = False
    scene.run(31)
    told = scene.renew("web-1")
    scene.store = True
    scene.run(29)
    assert (told, scene.statuses("web-1")) == ([Renewal.RENEWED], ["healthy"])


def test_an_expiry_that_was_called_off_while_the_store_was_away_comes_again_in_its_time() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.store = False
    scene.run(31)
    scene.renew("web-1")
    scene.store = True
    scene.run(31)
    assert scene.statuses("web-1") == ["expired"]


def test_an_expired_one_is_renewed_by_a_write() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(31)
    assert scene.renew("web-1") == [Renewal.SLOW]


def test_an_overdue_one_expires_after_a_restart_too() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(20)
    scene.restart()
    scene.run(29)
    before = scene.statuses("web-1")
    scene.run(2)
    assert (before, scene.statuses("web-1")) == (["healthy"], ["expired"])


def test_after_a_restart_every_lease_runs_from_its_beginning() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(14)
    scene.restart()
    scene.run(29.9)
    assert scene.statuses("web-1") == ["healthy"]


def test_registering_again_is_a_sign_of_life() -> None:
    scene = Scene()
    scene.add("web-1", ttl=30)
    scene.run(14)
    scene.add("web-1", ttl=30)
    scene.run(29.9)
    assert scene.statuses("web-1") == ["healthy"]


def test_a_zone_counts_its_leases_and_who_is_silent() -> None:
    leases = Leases()
    for n, overdue in enumerate((False, True, False)):
        leases.follow(entry(id=f"web-{n}", overdue=overdue), 0.0)
    leases.follow(entry(id="web-9", expired_at=1), 0.0)
    zone = leases.zones["a"]
    assert (zone.leased, zone.silent) == (3, {"default/web-1"})
    leases.drop("default/web-1")
    assert (zone.leased, zone.silent) == (2, set())


def test_a_move_to_another_zone_moves_the_lease() -> None:
    leases = Leases()
    leases.follow(entry(), 0.0)
    leases.follow(entry(zone="b"), 1.0)
    assert {name: zone.leased for name, zone in leases.zones.items()} == {"a": 0, "b": 1}
