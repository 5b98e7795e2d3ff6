"""Events in words."""

from msgspec.structs import replace

from muster.cli.picture import Line, Picture
from muster.model.instance import Endpoint
from muster.wire.events import (
    AliveEvent,
    Gone,
    RemoveEvent,
    ResetEvent,
    ResumedEvent,
    SnapshotEvent,
    UpsertEvent,
)
from muster.wire.view import InstanceView

WEB = InstanceView(
    instance_id="web-1",
    service="web",
    host="10.0.0.1",
    port=80,
    endpoints=(Endpoint("default", 80, "http"),),
    zone="a",
    status="healthy",
    generation=1,
    revision=1,
)


def changed(**fields: object) -> InstanceView:
    return replace(WEB, **fields)


OTHER = changed(instance_id="web-2")


def snapshot(*views: InstanceView, more: bool = False) -> SnapshotEvent:
    return SnapshotEvent("web", 1, exists=bool(views), settled=True, instances=views, more=more)


def shown(*views: InstanceView) -> Picture:
    picture = Picture()
    picture.note(snapshot(*views))
    return picture


def test_a_first_snapshot() -> None:
    assert Picture().note(snapshot(WEB)) == [
        Line(".", "web", "1 instance takes requests"),
        Line("+", "web", "web-1  10.0.0.1:80  zone a  healthy"),
    ]


def test_no_such_service() -> None:
    assert Picture().note(snapshot()) == [Line(".", "web", "nothing of this name is registered")]


def test_pages_are_one_snapshot() -> None:
    picture = Picture()
    assert picture.note(snapshot(WEB, more=True)) == []
    assert [line.kind for line in picture.note(snapshot(OTHER))] == [".", "+", "+"]


def test_a_later_snapshot_tells_the_difference_alone() -> None:
    picture = shown(WEB, OTHER)
    assert picture.note(snapshot(OTHER)) == [Line("-", "web", "web-1  gone")]
    assert picture.note(snapshot(OTHER)) == []


def test_a_change_tells_what_changed() -> None:
    event = UpsertEvent("web", 2, (changed(weight=50, status="degraded", metadata={"k": "v"}, revision=2),))
    assert shown(WEB).note(event) == [
        Line("~", "web", "web-1  status healthy -> degraded, weight 100 -> 50, metadata changed")
    ]


def test_a_new_start_is_told_as_such() -> None:
    event = UpsertEvent("web", 2, (changed(generation=2, revision=2),))
    assert shown(WEB).note(event) == [Line("~", "web", "web-1  started anew  10.0.0.1:80  zone a  healthy")]


def test_a_removal_says_why() -> None:
    event = RemoveEvent("web", 2, (Gone("web-1", "draining"),), exists=True)
    assert shown(WEB).note(event) == [Line("-", "web", "web-1  draining")]


def test_what_changes_nothing_is_silent() -> None:
    assert Picture().note(AliveEvent(1, "0" * 16, settled=True)) == []


def test_another_history_and_a_resumed_one() -> None:
    picture = Picture()
    assert [line.kind for line in picture.note(ResetEvent("e", "restored"))] == ["!"]
    assert [line.kind for line in picture.note(ResumedEvent(1, settled=True))] == ["."]


def test_nothing_foreign_reaches_the_screen() -> None:
    event = UpsertEvent("web", 2, (changed(instance_id="\x1b[2J", zone="\u202e"),))
    (line,) = Picture().note(event)
    assert line.text == "\\x1b[2J  10.0.0.1:80  zone \\u202e  healthy"
