"""One address that lies at full rate: forged heartbeats, sessions and reports harm nobody, and probes stay few."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.faults.beating import beating
from tests.httpapi.asking import Caller, Wire, head
from tests.httpapi.streaming import Stream

from muster.model import limits
from muster.testing.process import RegistryProcess
from muster.wire.events import RemoveEvent


class Instance:
    """Something that listens; `calls` counts the connections it was made."""

    def __init__(self) -> None:
        self.calls = 0
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            self.calls += 1
            caller.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def instances(caller: Caller) -> Iterator[dict[str, Instance]]:
    made = {f"web-{n}": Instance() for n in range(5)}
    for id, instance in made.items():
        caller.register("web", id, port=instance.port, ttl="4s")
    for id in made:
        while not caller.ask("GET", f"/v1/instances/{id}").json["reached"]:
            threading.Event().wait(0.01)
    yield made
    for instance in made.values():
        instance.close()


@pytest.mark.fault
def test_a_storm_of_reports_from_one_address(
    process: RegistryProcess, caller: Caller, instances: dict[str, Instance]
) -> None:
    with beating(process.port, list(instances), every=1):
        told = [
            caller.ask("POST", f"/v1/instances/{id}/suspect", {"reason": "I say so"}).status
            for _ in range(400)
            for id in instances
        ]
    assert told.count(429) > 0.9 * len(told)
    assert caller.look("web").ids == sorted(instances)
    assert sum(each.calls for each in instances.values()) <= bound(seconds=20)


def bound(seconds: float) -> float:
    """Probes that the budget of one address and of five instances allow in so many seconds, and the first of each."""
    per_instance = limits.REPORTS_PER_INSTANCE_BURST + limits.REPORTS_PER_INSTANCE_PER_S * seconds
    return 5 * (2 * per_instance + 2)


@pytest.mark.fault
def test_a_storm_of_forged_sessions(
    process: RegistryProcess, caller: Caller, instances: dict[str, Instance]
) -> None:
    with beating(process.port, list(instances), every=1):
        for _ in range(60):
            for id in instances:
                with Wire("127.0.0.1", process.port) as wire:
                    wire.send(head("GET", f"/v1/instances/{id}/session"))
                    assert wire.line() == b"HTTP/1.1 200 OK\r\n"
    assert caller.look("web").ids == sorted(instances)
    assert sum(each.calls for each in instances.values()) <= bound(seconds=20)


@pytest.mark.fault
def test_forged_heartbeats_keep_nobody_and_harm_nobody(
    process: RegistryProcess, caller: Caller, instances: dict[str, Instance]
) -> None:
    """Of ids that do not exist, of generations that are not current, and without the owner's secret."""
    mine = {"muster_owner_secret": "known-to-its-owner-alone"}
    caller.register("own", "own-1", ttl="2s", owner_secret=mine["muster_owner_secret"])
    forged = [{"instance_id": f"nobody-{n}"} for n in range(500)]
    forged += [{"instance_id": id, "generation": 10_000_000} for id in instances]
    forged += [{"instance_id": "own-1", "owner_secret": "guessed-by-somebody-else"}]
    with (
        Stream("127.0.0.1", process.port, "/v1/watch?service=web&service=own") as stream,
        beating(process.port, list(instances), every=1),
    ):
        stream.changes(2)
        gone = threading.Event()
        threading.Thread(target=forge, args=[process.port, forged, gone]).start()
        event = stream.until(RemoveEvent)
        gone.set()
        assert [each.instance_id for each in event.instances] == ["own-1"]
        assert event.instances[0].why == "expired"
        assert caller.look("web").ids == sorted(instances)
    assert caller.ask("PUT", "/v1/heartbeat/own-1").problem == (403, "not_owner", None)
    assert caller.ask("PUT", "/v1/heartbeat/own-1", **mine).status == 204


def forge(port: int, beats: list[dict[str, object]], over: threading.Event) -> None:
    with Caller("127.0.0.1", port) as caller:
        while not over.is_set():
            told = caller.ask("POST", "/v1/heartbeats", {"heartbeats": beats}).json
            assert told["renewed"] == 0
