"""A drain at one replica waits for the readers of all, and for no replica that is gone."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.faults.replicas import Replica, Trio, register
from tests.httpapi.streaming import Stream

from muster.wire.events import AckEvent

pytestmark = pytest.mark.fault

Watch = Callable[[Replica], Stream]


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Trio]:
    with Trio(tmp_path) as trio:
        register(trio.replicas[0], "web-1", 3600.0)
        trio.until(lambda: all("web-1" in trio.statuses(replica) for replica in trio.replicas))
        yield trio


@pytest.fixture
def watch() -> Iterator[Watch]:
    """A reader of `web` at a replica, that promises to acknowledge."""
    opened: list[Stream] = []

    def open_(replica: Replica) -> Stream:
        opened.append(Stream("127.0.0.1", replica.port, "/v1/watch?service=web&ack=1"))
        opened[-1].changes(1)
        return opened[-1]

    yield open_
    for stream in opened:
        stream.close()


def draining(replica: Replica, wait: int) -> "Future[Any]":
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(replica.call, "POST", f"/instances/web-1/drain?wait={wait}s", None, 60.0)
    pool.shutdown(wait=False)
    return answer


def asked(stream: Stream) -> AckEvent:
    """Its reader is told of the drain, and asked."""
    _, ask = stream.changes(2)
    assert isinstance(ask, AckEvent)
    return ask


def acknowledge(replica: Replica, stream: Stream) -> None:
    ask = asked(stream)
    body = {"subscriber": stream.subscriber, "services": {ask.service: ask.revision}}
    assert replica.call("POST", "/acks", body)[0] == 204


def test_it_waits_for_the_readers_of_every_replica(trio: Trio, watch: Watch) -> None:
    a, b, c = trio.replicas
    streams = [(replica, watch(replica)) for replica in (a, b, c, c)]
    answer = draining(a, 60)
    for replica, stream in streams:
        assert not answer.done()
        acknowledge(replica, stream)
    status, told = answer.result(60)
    assert (status, told["safe"], told["unacknowledged"]) == (200, True, [])


def test_a_reader_elsewhere_that_does_not_acknowledge_is_named(trio: Trio, watch: Watch) -> None:
    a, b, c = trio.replicas
    acknowledging, silent = watch(b), watch(c)
    answer = draining(a, 2)
    acknowledge(b, acknowledging)
    _, told = answer.result(60)
    assert (told["safe"], [each["subscriber"] for each in told["unacknowledged"]]) == (
        False,
        [silent.subscriber],
    )


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "paused"])
def test_a_replica_that_is_gone_does_not_hold_it_up_and_is_named(
    trio: Trio, watch: Watch, fate: signal.Signals
) -> None:
    a, b, c = trio.replicas
    acknowledging, lost = watch(b), watch(c)
    answer = draining(a, 3)
    asked(lost)
    c.signal(fate)
    acknowledge(b, acknowledging)
    status, told = answer.result(60)
    assert (status, told["safe"]) == (200, False)
    assert [each["subscriber"] for each in told["unacknowledged"]] == [f"replica 127.0.0.1:{c.port}"]
    assert told["waited_ms"] < 30_000
