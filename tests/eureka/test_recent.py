"""The delta's memory: each instance once, for three minutes, bounded."""

from __future__ import annotations

from muster.core.state import Change, Entry, ServiceKey, entry_of
from muster.eureka.recent import Recent
from muster.model import limits
from muster.testing.builders import instance, record

WEB = ServiceKey("default", "web")


def entry(id: str, revision: int, **facts: object) -> Entry:
    return entry_of(record(instance(id), **facts), revision)


def change(before: Entry | None, after: Entry | None) -> Change:
    either = after or before
    assert either is not None
    return Change(either.revision, WEB, either.id, before, after)


def test_each_instance_is_there_once_with_its_last_change() -> None:
    recent, one, two = Recent(), entry("a", 1), entry("a", 2, draining=True)
    recent.note(change(None, one), 0.0)
    recent.note(change(None, entry("b", 2)), 1.0)
    recent.note(change(one, two), 2.0)
    assert [(each.entry.id, each.action) for each in recent.since(3.0)] == [("b", "ADDED"), ("a", "MODIFIED")]
    recent.note(change(two, None), 4.0)
    assert [(each.entry.id, each.action) for each in recent.since(4.0)] == [("b", "ADDED"), ("a", "DELETED")]


def test_who_expires_is_deleted_and_who_is_revived_is_added() -> None:
    recent, alive, lapsed = Recent(), entry("a", 1), entry("a", 2, expired_at=1)
    recent.note(change(alive, lapsed), 0.0)
    assert recent.since(0.0)[0].action == "DELETED"
    recent.note(change(lapsed, None), 0.0)
    assert recent.since(0.0)[0].action == "DELETED"
    recent.note(change(lapsed, entry("a", 3)), 0.0)
    assert recent.since(0.0)[0].action == "ADDED"


def test_it_forgets_after_three_minutes_and_beyond_its_bound() -> None:
    recent = Recent()
    recent.note(change(None, entry("old", 1)), 0.0)
    recent.note(change(None, entry("new", 2)), 100.0)
    assert [each.entry.id for each in recent.since(limits.EUREKA_DELTA_S)] == ["new"]
    for n in range(limits.EUREKA_DELTA_CHANGES + 10):
        recent.note(change(None, entry(f"i{n}", n)), 100.0)
    assert len(recent.since(100.0)) == limits.EUREKA_DELTA_CHANGES
