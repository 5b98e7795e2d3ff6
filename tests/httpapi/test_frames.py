"""What streams send is made once for all of them, says what changed and nothing else, and goes with its snapshot."""

from __future__ import annotations

import gc

import pytest

from muster.core.decide import decide
from muster.core.feed import Feed
from muster.core.state import ServiceKey, Snapshot, State
from muster.httpapi import frames
from muster.model import limits
from muster.model.record import Record
from muster.testing.builders import instance, register
from muster.wire import events, sse
from muster.wire.filters import ALL, DEFAULT, Filter

WEB = ServiceKey("default", "web")


class Registry:
    """State and feed, and nothing else."""

    def __init__(self) -> None:
        self.state = State("e", 0)
        self.feed = Feed(0)

    def put(self, id: str, **fields: object) -> int:
        """Register `id`; the revision."""
        told = decide(self.state, register(instance(id, **fields)))  # type: ignore[arg-type]
        return self._apply(f"default/{id}", told if isinstance(told, Record) else None)

    def drop(self, id: str) -> int:
        return self._apply(f"default/{id}", None)

    def _apply(self, key: str, record: Record | None) -> int:
        revision = self.state.revision + 1
        self.feed.append(self.state.apply(revision, [(key, record)]))
        return revision

    def delta(self, since: int, filter: Filter = DEFAULT) -> list[events.Event]:
        view = self.state.snapshot(WEB).view(filter)
        told = frames.delta(view, filter, self.feed, since)
        return decoded(told) if isinstance(told, frames.Frames) else []


def decoded(told: frames.Frames) -> list[events.Event]:
    body = told.marked("e:1")
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        plain += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    messages = [events.decode(message.event, message.data) for message in sse.Parser().feed(plain)]
    return [event for event in messages if event is not None]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.put("a1", zone="a")
    registry.put("b1", zone="b")
    return registry


def test_several_changes_of_one_instance_are_one(registry: Registry) -> None:
    since = registry.state.revision
    registry.put("a2", zone="a", weight=1)
    registry.drop("a2")
    last = registry.put("a2", zone="a", weight=3)
    [event] = registry.delta(since)
    assert isinstance(event, events.UpsertEvent)
    assert [(each.instance_id, each.weight, each.revision) for each in event.instances] == [("a2", 3, last)]


def test_what_came_and_went_is_not_told(registry: Registry) -> None:
    since = registry.state.revision
    registry.put("a2", zone="a")
    registry.drop("a2")
    assert registry.delta(since) == []


def test_what_came_and_what_went_are_one_state(registry: Registry) -> None:
    since = registry.state.revision
    registry.put("a2", zone="a")
    last = registry.drop("b1")
    came, went = registry.delta(since)
    assert isinstance(came, events.UpsertEvent)
    assert (came.more, came.revision) == (True, last)
    assert went == events.RemoveEvent("web", last, (events.Gone("b1", "removed"),), exists=True)


def test_a_filter_hides_what_happens_elsewhere(registry: Registry) -> None:
    since = registry.state.revision
    registry.put("b2", zone="b")
    assert registry.delta(since, Filter(zone="a")) == []
    assert len(registry.delta(since, Filter(zone="b"))) == 1
    assert len(registry.delta(since, ALL)) == 1


def test_the_first_and_the_last_of_a_service_are_told_through_every_filter(registry: Registry) -> None:
    elsewhere = Filter(zone="nowhere")
    since = registry.drop("a1")
    last = registry.drop("b1")
    gone = [events.RemoveEvent("web", last, (), exists=False)]
    assert registry.delta(since, elsewhere) == gone
    back = registry.put("a1", zone="a")
    assert registry.delta(last, elsewhere) == [events.UpsertEvent("web", back, ())]


def test_frames_are_made_once(registry: Registry) -> None:
    view = registry.state.snapshot(WEB).view(DEFAULT)
    assert frames.snapshot(view, settled=True) is frames.snapshot(view, settled=True)
    assert frames.delta(view, DEFAULT, registry.feed, 1) is frames.delta(view, DEFAULT, registry.feed, 1)
    told = frames.snapshot(view, settled=True)
    assert told.marked("e:2") is told.marked("e:2")


def test_a_mark_stands_on_the_last_message_of_a_state(registry: Registry) -> None:
    since = registry.state.revision
    registry.put("a2", zone="a")
    registry.drop("b1")
    view = registry.state.snapshot(WEB).view(DEFAULT)
    told = frames.delta(view, DEFAULT, registry.feed, since)
    assert isinstance(told, frames.Frames)
    assert told.first.count(b"id: ") == 0
    assert told.marked("e:9").count(b"id: e:9\n") == 1


def test_what_is_no_longer_kept_cannot_be_told(registry: Registry) -> None:
    short = Feed(registry.state.revision)
    view = registry.state.snapshot(WEB).view(DEFAULT)
    assert frames.delta(view, DEFAULT, short, 1) == "too far"


def test_who_is_further_behind_than_the_whole_is_large_gets_the_whole(registry: Registry) -> None:
    since = registry.state.revision
    for n in range(limits.CHANGES_BEHIND):
        registry.put("a1", zone="a", weight=n)
    view = registry.state.snapshot(WEB).view(DEFAULT)
    [event] = registry.delta(since)
    assert isinstance(event, events.UpsertEvent)
    assert frames.delta(view, DEFAULT, registry.feed, since - 1) == "too far"


def test_of_a_large_service_many_changes_are_less_than_the_whole(registry: Registry) -> None:
    many = limits.CHANGES_BEHIND + 10
    for n in range(many):
        registry.put(f"c{n}")
    since = registry.state.revision
    for n in range(many):
        registry.put(f"c{n % 2}", weight=n)
    [event] = registry.delta(since)
    assert isinstance(event, events.UpsertEvent)
    assert len(event.instances) == 2


def test_a_snapshot_goes_without_the_collector(registry: Registry) -> None:
    """Its encoded bytes may be megabytes, and a churning service makes hundreds a second."""
    gc.collect()
    before = snapshots()
    gc.disable()
    try:
        for n in range(20):
            view = registry.state.snapshot(WEB).view(DEFAULT)
            frames.snapshot(view, settled=True)
            frames.delta(view, DEFAULT, registry.feed, 1)
            registry.put("a1", zone="a", weight=n)
        del view
        assert snapshots() - before <= 1
    finally:
        gc.enable()


def snapshots() -> int:
    return sum(isinstance(each, Snapshot) for each in gc.get_objects())
