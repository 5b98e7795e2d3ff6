"""A real registry for the tests of its API: one for each file of tests, which keep apart by the names they use."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from tests.httpapi.asking import Caller, Wire
from tests.httpapi.streaming import Stream

from muster.server.app import Running
from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

_numbers = count(1)


@pytest.fixture(scope="module")
def prober() -> ScriptedProber:
    """Says that everybody answers, until it is told otherwise."""
    return ScriptedProber()


@pytest.fixture(scope="module")
def registry(prober: ScriptedProber) -> Iterator[LocalRegistry]:
    with LocalRegistry(prober=prober) as registry:
        yield registry


@pytest.fixture
def name() -> str:
    """Of a service nobody else uses; instances may be called after it."""
    return f"web{next(_numbers)}"


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller


@pytest.fixture
def wire(registry: LocalRegistry) -> Iterator[Wire]:
    with Wire(registry.host, registry.port) as wire:
        yield wire


def beat(running: Running) -> None:
    """Let every stream say now that it lives."""
    for stream in running.listener.streams():
        stream.beat()


@pytest.fixture
def watch(registry: LocalRegistry) -> Iterator[Callable[..., Stream]]:
    """`watch("service=web", last_event_id=...)` opens a stream, which is closed at the end of the test."""
    opened: list[Stream] = []

    def open_(query: str, path: str = "/v1/watch", **headers: str) -> Stream:
        stream = Stream(registry.host, registry.port, f"{path}?{query}", **headers)
        stream.beat = lambda: registry.do(beat)
        opened.append(stream)
        return stream

    yield open_
    for stream in opened:
        stream.close()
