"""A server's place in the registry, from its first answer to its last."""

import gc
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.cli.wrapper.programs import free_port
from tests.integrations.conftest import Member, serving
from tests.integrations.servers import until

from muster.client import Discovery
from muster.testing import FakeRegistry


def registered(registry: FakeRegistry) -> None:
    registry.wait(lambda: registry.sessions == {"web-1"})


def gone(registry: FakeRegistry) -> None:
    registry.wait(lambda: registry.holdings.get("web-1") is None)


def test_it_registers_when_the_port_answers(registry: FakeRegistry, member: Member) -> None:
    port = free_port()
    member(port=port)
    assert not registry.requests
    with serving(port):
        registered(registry)


def test_it_registers_when_the_server_says_that_it_is_ready(registry: FakeRegistry, member: Member) -> None:
    ready, asked = threading.Event(), threading.Event()

    def look() -> bool:
        asked.set()
        return ready.is_set()

    member(ready=look)
    assert asked.wait(10)
    assert not registry.requests
    ready.set()
    registered(registry)


def test_it_leaves_without_having_begun(registry: FakeRegistry, member: Member) -> None:
    member(port=free_port()).leave()
    assert not registry.requests


def test_without_a_place_to_meet_it_registers_alone(
    registry: FakeRegistry, member: Member, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    member(directory=tmp_path / "file")
    registered(registry)
    assert "web can have one worker alone" in caplog.text


def test_leaving_is_deregistering(registry: FakeRegistry, member: Member) -> None:
    one = member()
    registered(registry)
    one.leave()
    assert registry.holdings.get("web-1") is None
    one.leave()
    one.start()
    assert registry.holdings.get("web-1") is None


def test_departing_waits_for_the_callers(registry: FakeRegistry, member: Member) -> None:
    one = member()
    registered(registry)
    with Discovery(registry.url, ["web"]) as caller:
        caller.wait_ready()
        one.depart()
        assert caller.status().counts.acknowledged == 1
    assert [seen.method for seen in registry.requests if "web-1" in seen.path][-2:] == ["POST", "DELETE"]


def test_departing_waits_for_the_last_answer(registry: FakeRegistry, member: Member, port: int) -> None:
    one = member()
    registered(registry)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"a question")
        departing = threading.Thread(target=one.depart)
        departing.start()
        registry.wait(lambda: any(seen.path.endswith("/drain") for seen in registry.requests))
        departing.join(0.8)
        assert departing.is_alive()
    departing.join(10)
    assert not departing.is_alive()
    gone(registry)


def test_departing_ends_at_the_limit(registry: FakeRegistry, member: Member, port: int) -> None:
    one = member(limit=0.6)
    registered(registry)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"a question")
        one.depart()
    gone(registry)


def test_leaving_hurries_a_departure(registry: FakeRegistry, member: Member, port: int) -> None:
    one = member(limit=600.0)
    registered(registry)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"a question")
        departing = threading.Thread(target=one.depart)
        departing.start()
        registry.wait(lambda: any(seen.path.endswith("/drain") for seen in registry.requests))
        one.leave()
        departing.join(10)
        assert not departing.is_alive()


@pytest.mark.parametrize("trouble", ["stop", "hang"])
def test_departing_does_not_wait_for_a_registry_that_is_away(
    registry: FakeRegistry, member: Member, trouble: str
) -> None:
    one = member(drain_wait=60.0, limit=600.0)
    registered(registry)
    registry.hang()
    registry.cut()
    if trouble == "stop":
        registry.stop()
    registry.wait(lambda: not registry.sessions)
    began = time.monotonic()
    one.depart()
    assert time.monotonic() - began < 30
    registry.hang(hanging=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_nothing_of_it(registry: FakeRegistry, member: Member) -> None:
    one = member()
    registered(registry)
    child = os.fork()
    if child == 0:
        one.start()
        one.leave()
        os._exit(0 if one.status() is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert registry.sessions == {"web-1"}
    status = one.status()
    assert status is not None
    assert status.state == "registered"


def test_leaving_leaves_no_thread_and_no_descriptor(registry: FakeRegistry, member: Member) -> None:
    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    def once() -> None:
        one = member()
        registered(registry)
        one.depart()
        one.leave()
        registry.wait(lambda: not registry.sessions)

    once()
    before = descriptors()
    for _ in range(5):
        once()
    # the registry's side of a connection closes a moment after ours
    until(lambda: descriptors() <= before)
    assert not [each.name for each in threading.enumerate() if each.name.startswith("muster-")]
