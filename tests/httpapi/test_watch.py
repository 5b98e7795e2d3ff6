"""The contract of watch streams: what is sent, in which order, and what the marks on it promise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from tests.httpapi.asking import Caller
from tests.httpapi.conftest import beat
from tests.httpapi.streaming import Copy, Stream

from muster.core.state import ServiceKey
from muster.storage.memory import MemoryStore
from muster.testing.server import LocalRegistry
from muster.wire.events import (
    AliveEvent,
    Event,
    GoAwayEvent,
    Gone,
    RemoveEvent,
    ResetEvent,
    ResumedEvent,
    SnapshotEvent,
    UpsertEvent,
)

Watch = Callable[..., Stream]


# --- how a stream begins ---


def test_a_stream_begins_with_a_snapshot(watch: Watch, caller: Caller, name: str) -> None:
    revision = caller.register(name, name).json["revision"]
    stream = watch(f"service={name}")
    event = stream.next()
    assert isinstance(event, SnapshotEvent)
    assert (event.service, event.revision, event.exists, event.more) == (name, revision, True, False)
    assert stream.copy.ids(name) == [name]
    assert stream.id == f"{stream.epoch}:{revision}"
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-store"


def test_a_service_that_does_not_exist_is_said_so(watch: Watch, caller: Caller, name: str) -> None:
    stream = watch(f"service={name}")
    event = stream.next()
    assert isinstance(event, SnapshotEvent)
    assert (event.exists, event.instances) == (False, ())
    caller.register(name, name, status="starting")
    assert stream.changes(1) == [UpsertEvent(name, caller.look(name).json["revision"], ())]
    caller.deregister(name)
    gone = stream.changes(1)[0]
    assert isinstance(gone, RemoveEvent)
    assert (gone.exists, gone.instances) == (False, ())


def test_large_snapshots_come_in_pages(watch: Watch, caller: Caller, name: str) -> None:
    for n in range(1_201):
        caller.register(name, f"{name}-{n:04}")
    stream = watch(f"service={name}")
    pages = [stream.next() for _ in range(3)]
    sizes = [(len(page.instances), page.more) for page in pages if isinstance(page, SnapshotEvent)]
    assert sizes == [(500, True), (500, True), (201, False)]
    assert [told.id for told in stream.told[:2]] == ["", ""]
    assert len(stream.copy.ids(name)) == 1_201
    assert stream.alive().digest == stream.copy.digest


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "service"),
        ("service=no%20way", "service"),
        ("&".join(f"service=s{n}" for n in range(257)), "service"),
        ("service=web&zon=a", "zon"),
        ("service=web&after=nonsense", "after"),
        ("service=web&ack=maybe", "ack"),
        ("&".join(f"session=s{n}" for n in range(65)), "session"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(caller: Caller, query: str, field: str) -> None:
    assert caller.ask("GET", f"/v1/watch?{query}").problem == (400, "invalid_request", field)


def test_as_many_services_as_a_stream_may_name(watch: Watch) -> None:
    stream = watch("&".join(f"service=many-{n}" for n in range(256)))
    assert {event.service for event in stream.changes(256) if isinstance(event, SnapshotEvent)} == {
        f"many-{n}" for n in range(256)
    }


# --- changes ---


def test_changes_follow_in_order_and_keep_the_copy_true(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, "a1")
    stream = watch(f"service={name}")
    stream.changes(1)
    caller.register(name, "a2")
    caller.ask("PATCH", "/v1/instances/a1", {"weight": 3})
    caller.deregister("a2")
    last = caller.register(name, "a3").json["revision"]
    stream.alive(lambda event: event.revision == last)
    assert {id: each.weight for id, each in stream.copy.services[name].items()} == {"a1": 3, "a3": 100}
    revisions = [
        told.event.revision for told in stream.told if isinstance(told.event, UpsertEvent | RemoveEvent)
    ]
    assert revisions == sorted(revisions)
    assert stream.told[-1].event.digest == stream.copy.digest  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (("DELETE", "/v1/instances/{}"), "removed"),
        (("POST", "/v1/instances/{}/drain?wait=0s"), "draining"),
        (("PATCH", "/v1/instances/{}", {"override": "out_of_service"}), "out_of_service"),
        (("PATCH", "/v1/instances/{}", {"ready": False}), "starting"),
    ],
)
def test_a_removal_says_why(
    watch: Watch, caller: Caller, name: str, ask: tuple[object, ...], why: str
) -> None:
    caller.register(name, f"{name}-stays")
    caller.register(name, name)
    stream = watch(f"service={name}")
    stream.changes(1)
    method, path, *body = ask
    caller.ask(str(method), str(path).format(name), *body)
    event = stream.changes(1)[0]
    assert isinstance(event, RemoveEvent)
    assert (event.instances, event.exists) == ((Gone(name, why),), True)
    assert stream.copy.ids(name) == [f"{name}-stays"]


def test_an_instance_that_changes_its_zone_leaves_the_filter(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name, zone="a", incarnation="one")
    stream = watch(f"service={name}&zone=a")
    stream.changes(1)
    caller.register(name, name, zone="b", incarnation="one")
    event = stream.changes(1)[0]
    assert isinstance(event, RemoveEvent)
    assert event.instances == (Gone(name, "filtered"),)


def test_an_instance_that_moves_to_another_service(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(f"{name}-old", name, incarnation="one")
    stream = watch(f"service={name}-old&service={name}-new")
    stream.changes(2)
    caller.register(f"{name}-new", name, incarnation="one")
    stream.changes(2)
    assert stream.copy.services[f"{name}-old"] == {}
    assert stream.copy.ids(f"{name}-new") == [name]


def test_a_filtered_stream_gets_no_byte_of_other_zones(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, "a1", zone="a")
    stream = watch(f"service={name}&zone=a")
    stream.changes(1)
    for n in range(5):
        caller.register(name, f"b{n}", zone="b")
    last = caller.register(name, "a2", zone="a").json["revision"]
    event = stream.changes(1)[0]
    assert isinstance(event, UpsertEvent)
    assert (event.revision, [each.instance_id for each in event.instances]) == (last, ["a2"])
    assert stream.alive().digest == stream.copy.digest


def test_a_stream_hears_nothing_of_other_services(watch: Watch, caller: Caller, name: str) -> None:
    stream = watch(f"service={name}")
    stream.changes(1)
    for n in range(20):
        last = caller.register(f"{name}-other", f"{name}-{n}").json["revision"]
    assert stream.alive().revision == last
    assert len(stream.told) == 2
    assert stream.id == f"{stream.epoch}:{last}"


# --- atomic states ---


def test_what_belongs_together_is_one_state(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    """One drains and one comes within one fold: `more` says that the first message is not a state by itself."""
    caller.register(name, "old")
    stream = watch(f"service={name}")
    stream.changes(1)
    caller.register(name, "first")  # goes out at once; what comes within 5 ms after it is folded
    stream.changes(1)
    burst(registry, caller, name)
    seen: list[Event] = []
    while stream.copy.ids(name) != ["first", "new"]:
        seen += stream.changes(1)
    for told, following in zip(stream.told, stream.told[1:], strict=False):
        if isinstance(told.event, UpsertEvent) and told.event.more:
            assert told.id == stream.told[1].id or told.id != following.id
            assert isinstance(following.event, RemoveEvent)
            assert following.event.revision == told.event.revision


def burst(registry: LocalRegistry, caller: Caller, name: str) -> None:
    """A registration and a drain on two connections at once, so that they share a transaction or a fold."""
    with Caller(registry.host, registry.port) as other:
        both = [
            threading.Thread(target=caller.register, args=[name, "new"]),
            threading.Thread(target=other.ask, args=["POST", "/v1/instances/old/drain?wait=0s"]),
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()


# --- resuming ---


def test_a_reader_resumes_where_it_was(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, "a1")
    first = watch(f"service={name}")
    first.changes(1)
    first.close()
    revision = caller.register(name, "a2").json["revision"]
    second = watch(f"service={name}", last_event_id=first.id)
    resumed, missed = second.changes(2)
    assert isinstance(resumed, ResumedEvent)
    assert f"{second.epoch}:{resumed.revision}" == first.id
    assert isinstance(missed, UpsertEvent)
    assert (missed.revision, [each.instance_id for each in missed.instances]) == (revision, ["a2"])
    third = watch(f"service={name}&after={second.id}")
    third.alive()
    assert [type(told.event) for told in third.told] == [ResumedEvent, AliveEvent]


def test_a_reader_of_another_history_is_reset(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    stream = watch(f"service={name}&after=00ff00ff:1")
    reset, snapshot = stream.changes(2)
    assert reset == ResetEvent(stream.epoch, "another history began")
    assert isinstance(snapshot, SnapshotEvent)
    assert stream.copy.ids(name) == [name]


def test_a_reader_that_is_ahead_is_reset(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    epoch = caller.look(name).json["epoch"]
    stream = watch(f"service={name}", last_event_id=f"{epoch}:999999999")
    reset, snapshot = stream.changes(2)
    assert reset == ResetEvent(epoch, "the reader is ahead of this registry")
    assert isinstance(snapshot, SnapshotEvent)


def test_a_reader_too_far_behind_gets_snapshots_after_resumed(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    caller.register(name, "a1")
    stream = watch(f"service={name}&service={name}-quiet")
    stream.changes(2)
    registry.do(lambda running: setattr(running.registry.machine.feed, "_room", 3))
    for n in range(5):
        caller.register(name, f"b{n}")
    late = watch(f"service={name}&service={name}-quiet", last_event_id=stream.id)
    resumed, snapshot = late.changes(2)
    assert isinstance(resumed, ResumedEvent)
    assert isinstance(snapshot, SnapshotEvent)
    assert late.copy.ids(name) == ["a1", *(f"b{n}" for n in range(5))]
    registry.do(lambda running: setattr(running.registry.machine.feed, "_room", 16_384))


def test_open_streams_are_reset_when_another_history_begins(name: str) -> None:
    store = MemoryStore()
    with LocalRegistry(store=store) as registry, Caller(registry.host, registry.port) as caller:
        caller.register(name, "kept")
        backup = registry.do(lambda running: list(store._records.values()))
        caller.register(name, "newer")
        with Stream(registry.host, registry.port, f"/v1/watch?service={name}") as stream:
            stream.changes(1)
            registry.do(lambda running: store.restore(backup))
            reset, snapshot = stream.changes(2)
            assert isinstance(reset, ResetEvent)
            assert reset.epoch != stream.epoch
            assert isinstance(snapshot, SnapshotEvent)
            assert not snapshot.settled
            assert stream.copy.ids(name) == ["kept"]
            assert stream.id.startswith(reset.epoch)
            caller.register(name, "newest")
            stream.changes(1)
            stream.beat = lambda: registry.do(beat)
            assert stream.alive().digest == stream.copy.digest


# --- marks: everything at or below them has been sent ---

Held = dict[tuple[str, str], int]
"""(service, id) -> revision of the last change."""


def committed(registry: LocalRegistry, services: list[str]) -> list[tuple[int, tuple[str, str], int | None]]:
    """(revision, (service, id), revision it is held at or None for gone), in order."""

    def read(running: object) -> list[tuple[int, tuple[str, str], int | None]]:
        feed = running.registry.machine.feed  # type: ignore[attr-defined]
        return sorted(
            (change.revision, (service, change.id), change.after.revision if change.after else None)
            for service in services
            for change in feed.since(ServiceKey("default", service), 0) or []
        )

    return registry.do(read)


def held(copy: Copy) -> Held:
    return {(name, id): each.revision for name, known in copy.services.items() for id, each in known.items()}


def assert_nothing_is_missed(registry: LocalRegistry, stream: Stream, services: list[str]) -> None:
    """At every mark the reader holds what was committed up to there, or something newer."""
    history = committed(registry, services)
    copy = Copy()
    for told in stream.told:
        copy.take(told.event)
        if len(copy.services) == len(services) and told.id:
            mark = int(told.id.partition(":")[2])
            last = {key: (revision, at) for revision, key, at in history if revision <= mark}
            later = {key for revision, key, at in history if revision > mark and at is None}
            now = held(copy)
            for key, (revision, at) in last.items():
                assert now.get(key, 0) >= (at or 0) or key in later, (told, key)
                assert at or not 0 < now.get(key, 0) < revision, (told, key)


@pytest.mark.parametrize("count", [2, 5])
def test_marks_hold_for_all_services_of_a_stream(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str, count: int
) -> None:
    """Several writers at once, so that transactions span services and folds are open."""
    services = [f"{name}-{n}" for n in range(count)]
    for service in services:
        caller.register(service, f"{service}-0")
    stream = watch("&".join(f"service={service}" for service in services))
    stream.changes(count)
    writers = [threading.Thread(target=churn, args=[registry, service, 60]) for service in services]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stream.alive(lambda event: event.digest == stream.copy.digest)
    assert_nothing_is_missed(registry, stream, services)


def churn(registry: LocalRegistry, service: str, times: int) -> None:
    with Caller(registry.host, registry.port) as caller:
        for n in range(times):
            caller.register(service, f"{service}-0", incarnation="one", weight=n + 1)


def test_a_transaction_of_two_services_is_marked_when_both_are_sent(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    """An instance that changes its service touches two at one revision."""
    services = [f"{name}-x", f"{name}-y"]
    stream = watch("&".join(f"service={service}" for service in services))
    stream.changes(2)
    for n in range(40):
        caller.register(services[n % 2], name, incarnation="one")
    stream.alive(lambda event: event.digest == stream.copy.digest)
    assert held(stream.copy).keys() == {(services[1], name)}
    assert_nothing_is_missed(registry, stream, services)


# --- readers that fall behind ---


@pytest.mark.parametrize("room", [16_384, 10], ids=["changes", "a fresh snapshot"])
def test_a_slow_reader_catches_up_from_where_it_was(
    registry: LocalRegistry, caller: Caller, name: str, room: int
) -> None:
    """While its socket is full nothing is kept for it; afterwards it gets what leads from there to now, or a snapshot."""
    registry.do(lambda running: setattr(running.registry.machine.feed, "_room", room))
    for n in range(200):
        caller.register(name, f"{name}-{n:03}", metadata={"k": "v" * 500}, incarnation="one")
    with Stream(registry.host, registry.port, f"/v1/watch?service={name}", receive_buffer=4096) as slow:
        registry.do(narrow)
        for weight in range(1, 10):
            for n in range(0, 200, 4):
                caller.ask("PATCH", f"/v1/instances/{name}-{n:03}", {"weight": weight})
        held = registry.do(buffered)
        last = caller.look(name).json["revision"]
        slow.beat = lambda: registry.do(beat)
        slow.alive(lambda event: event.revision >= last)
        assert slow.copy.services[name][f"{name}-000"].weight == 9
        assert slow.told[-1].event.digest == slow.copy.digest  # type: ignore[union-attr]
        assert len(slow.told) < 9 * 50
        snapshots = [told for told in slow.told if isinstance(told.event, SnapshotEvent)]
        assert (len(snapshots) > 1) == (room == 10)
    registry.do(lambda running: setattr(running.registry.machine.feed, "_room", 16_384))
    assert held < 1_000_000


def narrow(running: object) -> None:
    """Let the kernel keep little for its connections, so that a reader who falls behind is felt."""
    for connection in running.listener._connections:  # type: ignore[attr-defined]
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def buffered(running: object) -> int:
    """The most that waits for one connection."""
    connections = running.listener._connections  # type: ignore[attr-defined]
    return max(connection.transport.get_write_buffer_size() for connection in connections)


# --- the end ---


def test_a_registry_that_stops_says_so_and_ends_its_streams(name: str) -> None:
    with LocalRegistry() as registry:
        streams = [Stream(registry.host, registry.port, f"/v1/watch?service={name}") for _ in range(3)]
        for stream in streams:
            stream.changes(1)
    for stream in streams:
        *_, last = stream.to_the_end()
        assert last == GoAwayEvent("this registry is shutting down")


def test_the_copy_of_a_copy_is_as_good(watch: Watch, caller: Caller, name: str) -> None:
    """A reader that resumes goes on with the copy it had."""
    caller.register(name, "a1")
    first = watch(f"service={name}")
    first.changes(1)
    first.close()
    caller.register(name, "a2")
    caller.deregister("a1")
    second = watch(f"service={name}", last_event_id=first.id)
    second.copy = first.copy
    assert second.alive().digest == second.copy.digest
    assert second.copy.ids(name) == ["a2"]
