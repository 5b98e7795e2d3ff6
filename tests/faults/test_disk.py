"""A disk that is full: writes are refused and say why; everything that needs no disk goes on, and it recovers by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.disk import fill, small_disk
from tests.faults.beating import beating
from tests.httpapi.asking import Answer, Caller
from tests.httpapi.streaming import Stream

from muster.registry.store import Batch
from muster.storage.memory import MemoryStore
from muster.testing.process import RegistryProcess
from muster.testing.server import LocalRegistry
from muster.testing.stores import Fate, Fault, LossyStore
from muster.wire.events import AliveEvent, UpsertEvent


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def until_refused(caller: Caller) -> Answer:
    """Register until the disk is full, which it is after at most its size."""
    for n in range(10_000):
        body = {"service": "web", "instance_id": f"w{n}", "host": "10.0.0.1", "port": 1, "static": True}
        answer = caller.ask("POST", "/v1/register", {**body, "metadata": {"k": "v" * 500}})
        if answer.status != 201:
            return answer
    raise AssertionError("never full")


@pytest.mark.fault
def test_a_full_disk_refuses_writes_and_nothing_else(disk: Path) -> None:
    with RegistryProcess(disk) as registry, Caller("127.0.0.1", registry.port) as caller:
        caller.register("api", "api-1")
        caller.register("web", "first", static=True)
        caller.register("slow", "slow-1", ttl="1h")
        with Stream("127.0.0.1", registry.port, "/v1/watch?service=api&service=web") as stream:
            stream.changes(2)
            ballast = fill(disk)
            refused = until_refused(caller)
            assert refused.problem == (503, "store_unavailable", None)
            assert "the disk is full: free some space" in refused.json["detail"]
            assert int(refused.headers["retry-after"]) >= 1

            assert caller.look("api").status == 200
            assert caller.ask("PUT", "/v1/heartbeat/slow-1").status == 204
            assert caller.ask("GET", "/readyz").status == 200
            assert b"muster_store_errors_total" in caller.ask("GET", "/metrics").body
            listed = len(caller.look("web").ids)
            stream.until(AliveEvent, lambda event: event.digest == stream.copy.digest)
            assert len(stream.copy.ids("web")) == listed

            ballast.unlink()
            assert caller.ask("DELETE", "/v1/instances/slow-1").status == 204
            caller.register("web", "after")
            stream.until(UpsertEvent, lambda event: event.instances[-1].instance_id == "after")
        assert registry.stop() == 0
        registry.start()
        with Caller("127.0.0.1", registry.port) as again:
            assert len(again.look("web").ids) == listed + 1


@pytest.mark.fault
def test_a_lease_that_ends_while_nothing_can_be_written_ends_afterwards() -> None:
    """An expiry is a commit like any other: it waits, and whoever renews meanwhile is not affected."""
    full = threading.Event()

    def fate(batch: Batch | None) -> Fate:
        return Fate(Fault.REFUSED if full.is_set() else Fault.NONE)

    with (
        LocalRegistry(store=LossyStore(MemoryStore(), fate)) as registry,
        Caller(registry.host, registry.port) as caller,
        Stream(registry.host, registry.port, "/v1/watch?service=api") as stream,
    ):
        stream.changes(1)
        for id in ("dies", "lives"):
            caller.register("api", id, ttl="2s")
        full.set()
        with beating(registry.port, ["lives"], every=0.2):
            stream.until(AliveEvent)
            stream.until(AliveEvent)
            assert caller.look("api").ids == ["dies", "lives"]
            assert caller.ask("DELETE", "/v1/instances/dies").problem[:2] == (503, "store_unavailable")
            full.clear()
            while "dies" in stream.copy.ids("api"):
                stream.next()
        assert caller.look("api").ids == ["lives"]
