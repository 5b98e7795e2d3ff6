"""What instances have in common is kept once, and nothing else changes by it."""

import msgspec
from tests.client.told import web

from muster.client import endpoint
from muster.client.endpoint import Endpoint
from muster.client.fold import Given
from muster.client.sharing import Parts
from muster.model import limits
from muster.wire import events
from muster.wire.events import SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView


def received(*instances: InstanceView) -> UpsertEvent:
    """As it comes from a stream: nothing of it is anything else's."""
    name, body = events.encode(UpsertEvent("web", 7, instances))
    event = events.decode(name, body)
    assert isinstance(event, UpsertEvent)
    return event


def test_equal_parts_are_one_and_all_says_the_same() -> None:
    told = [web(n, zone="a-zone", version="1.4.2", metadata={"team": "checkout"}) for n in (1, 2)]
    event = Parts().event(received(*told), {})
    one, other = event.instances
    assert event.instances == tuple(told)
    for field in ("service", "namespace", "endpoints", "zone", "version"):
        assert getattr(one, field) is getattr(other, field), field
    assert one.metadata["team"] is other.metadata["team"]
    assert one.metadata is not other.metadata


def test_who_is_told_again_as_known_is_kept_as_known() -> None:
    before = received(web(1)).instances[0]
    known = {before.instance_id: endpoint.of(before)}
    same, changed = (received(web(1, weight=weight)).instances[0] for weight in (before.weight, 7))
    assert Parts().event(UpsertEvent("web", 8, (same,)), known).instances[0] is before
    assert Parts().event(UpsertEvent("web", 8, (changed,)), known).instances[0].weight == 7


def test_parts_that_nobody_shares_are_not_kept_for_ever() -> None:
    shared = Parts()
    for number in range(3 * limits.CLIENT_SHARED):
        shared.event(received(web(1, metadata={"pod": f"web-{number}"})), {})
    assert int(repr(shared).split()[1]) <= limits.CLIENT_SHARED + 16


def test_a_service_that_is_fetched_anew_is_what_it_was() -> None:
    """Of thousands, all but the changed ones would be there twice until readers have the new snapshot."""

    def snapshot(revision: int) -> SnapshotEvent:
        body = msgspec.json.encode(SnapshotEvent("web", revision, True, True, (web(1), web(2))))
        return msgspec.json.decode(body, type=SnapshotEvent)

    def fold(revision: int) -> list[Endpoint]:
        group = given.gather(snapshot(revision))
        assert isinstance(group, list)
        assert given.apply(group)
        return list(given.endpoints.values())

    given = Given()
    before = fold(5)
    given.clear()
    given.clear()  # the stream began, and then its first word came
    after = fold(6)
    assert all(one.instance is other.instance for one, other in zip(before, after, strict=True))
