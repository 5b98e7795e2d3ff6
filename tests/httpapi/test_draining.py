"""Drain with acknowledgement: who is waited for, who says so, and who cannot."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream
from tests.httpapi.test_looking import in_background

from muster.testing.server import LocalRegistry
from muster.wire.events import AckEvent, RemoveEvent

Watch = Callable[..., Stream]


def draining(registry: LocalRegistry, id: str, wait: str = "30s") -> "Future[Any]":
    """The answer to a drain that is under way."""

    def drain() -> Any:
        with Caller(registry.host, registry.port) as caller:
            return caller.ask("POST", f"/v1/instances/{id}/drain?wait={wait}").json

    pool = ThreadPoolExecutor(1)
    answer = pool.submit(drain)
    pool.shutdown(wait=False)
    return answer


def acknowledge(caller: Caller, stream: Stream, event: AckEvent) -> None:
    body = {"subscriber": stream.subscriber, "services": {event.service: event.revision}}
    assert caller.ask("POST", "/v1/acks", body).status == 204


def test_without_readers_it_is_safe_at_once(caller: Caller, name: str) -> None:
    caller.register(name, name)
    told = caller.ask("POST", f"/v1/instances/{name}/drain?wait=30s").json
    assert told["safe"] is True
    assert told["waited_ms"] < 10_000
    assert (told["unacknowledged"], told["unacknowledged_count"]) == ([], 0)
    assert caller.status_of(name) == "draining"


def test_it_waits_for_streams_that_promised_to_acknowledge(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    caller.register(name, name)
    streams = [watch(f"service={name}&ack=1") for _ in range(2)]
    for stream in streams:
        stream.changes(1)
    answer = draining(registry, name)
    for stream in streams:
        assert not answer.done()
        removed, ask = stream.changes(2)
        assert isinstance(removed, RemoveEvent)
        assert ask == AckEvent(name, removed.revision)
        acknowledge(caller, stream, ask)
    told = answer.result(10)
    assert (told["safe"], told["revision"]) == (True, removed.revision)


def test_an_instance_that_was_not_listed_is_asked_about_all_the_same(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    caller.register(name, name, status="starting")
    stream = watch(f"service={name}&ack=1")
    stream.changes(1)
    answer = draining(registry, name)
    ask = stream.until(AckEvent)
    acknowledge(caller, stream, ask)
    assert answer.result(10)["safe"] is True


def test_who_did_not_acknowledge_is_named(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    stream = watch(f"service={name}&ack=1")
    stream.changes(1)
    told = caller.ask("POST", f"/v1/instances/{name}/drain?wait=50ms").json
    assert told["safe"] is False
    assert told["waited_ms"] >= 50
    assert [each["subscriber"] for each in told["unacknowledged"]] == [stream.subscriber]
    assert told["unacknowledged"][0]["address"].startswith("127.0.0.1:")
    assert told["unacknowledged_count"] == 1


def test_a_subscriber_that_leaves_is_not_waited_for(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str
) -> None:
    caller.register(name, name)
    stream = watch(f"service={name}&ack=1")
    stream.changes(1)
    answer = draining(registry, name)
    stream.until(AckEvent)
    stream.close()
    assert answer.result(10)["safe"] is True


@pytest.mark.parametrize("wrong", ["name", "service", "revision"])
def test_acknowledgements_of_something_else_count_for_nothing(
    registry: LocalRegistry, watch: Watch, caller: Caller, name: str, wrong: str
) -> None:
    caller.register(name, name)
    stream = watch(f"service={name}&ack=1")
    stream.changes(1)
    answer = draining(registry, name, "300ms")
    ask = stream.until(AckEvent)
    service, revision = (f"{name}x" if wrong == "service" else name), ask.revision - (wrong == "revision")
    body = {"subscriber": "x" if wrong == "name" else stream.subscriber, "services": {service: revision}}
    assert caller.ask("POST", "/v1/acks", body).status == 204
    assert answer.result(10)["safe"] is False


def test_a_poller_acknowledges_by_coming_back(registry: LocalRegistry, caller: Caller, name: str) -> None:
    caller.register(name, name)
    index = caller.look(name).headers["muster-index"]
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    answer = draining(registry, name)
    after = waiting.result(10).headers["muster-index"]
    assert int(after) > int(index)
    assert not answer.done()
    with Caller(registry.host, registry.port) as poller:
        poller.look(name, f"?index={after}&wait=1ms")
        assert answer.result(10)["safe"] is True


def test_a_poller_that_does_not_come_back_is_named(
    registry: LocalRegistry, caller: Caller, name: str
) -> None:
    caller.register(name, name)
    index = caller.look(name).headers["muster-index"]
    waiting = in_background(registry, name, f"?index={index}&wait=60s")
    told = draining(registry, name, "100ms").result(10)
    waiting.result(10)
    assert (told["safe"], told["unacknowledged"][0]["subscriber"]) == (False, "poller")


def test_who_cannot_acknowledge_is_counted(watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    watch(f"service={name}").changes(1)
    caller.look(name)
    told = caller.ask("POST", f"/v1/instances/{name}/drain?wait=0s").json
    assert told["safe"] is True
    assert told["cannot_acknowledge"]["plain_streams"] == 1
    assert told["cannot_acknowledge"]["plain_reads_s"] > 0


def test_draining_again_asks_again(registry: LocalRegistry, watch: Watch, caller: Caller, name: str) -> None:
    caller.register(name, name)
    stream = watch(f"service={name}&ack=1")
    stream.changes(1)
    first = caller.ask("POST", f"/v1/instances/{name}/drain?wait=0s").json
    assert first["safe"] is False
    answer = draining(registry, name)
    stream.until(AckEvent)
    ask = stream.until(AckEvent)
    acknowledge(caller, stream, ask)
    assert answer.result(10)["revision"] == first["revision"] == ask.revision


def test_a_drain_of_nobody_and_one_that_would_wait_too_long(caller: Caller, name: str) -> None:
    assert caller.ask("POST", "/v1/instances/nobody/drain").problem == (404, "unknown_instance", None)
    generation = caller.register(name, name).json["generation"]
    path = f"/v1/instances/{name}/drain"
    assert caller.ask("POST", f"{path}?wait=10m").problem == (400, "invalid_request", "wait")
    assert caller.ask("POST", f"{path}?generation={generation + 1}").problem == (409, "superseded", None)
    assert caller.status_of(name) == "healthy"


def test_a_draining_incarnation_does_not_come_back(caller: Caller, name: str) -> None:
    caller.register(name, name, incarnation="one")
    caller.ask("POST", f"/v1/instances/{name}/drain?wait=0s")
    body = {"service": name, "instance_id": name, "host": "127.0.0.1", "port": 8080, "incarnation": "one"}
    assert caller.ask("POST", "/v1/register", body).problem == (409, "draining", None)
    assert caller.ask("POST", "/v1/register", {**body, "incarnation": "two"}).status == 201
    assert caller.status_of(name) == "healthy"
