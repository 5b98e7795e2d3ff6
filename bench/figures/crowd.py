"""100,000 instances on three replicas, which share one core with their etcd: what etcd has to write while everybody only sends heartbeats,
and how soon a replica that was killed is one of them again."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec
from msgspec import Struct

from bench.etcd import running_etcd
from bench.figure import Number, Scale
from bench.population import loaded
from bench.registry import HOST, Registry, body, registry

REPLICAS = 3
SERVICES = 1_000
TTL_S = 30.0
BATCH = 500
PATIENCE_S = 60.0


class Size(Struct, frozen=True):
    """`settle`: longer than a lease lasts after the start, so that everybody has been heard by then."""

    instances: int
    settle: float
    watched: float


SIZES = {"full": Size(100_000, 40, 30), "quick": Size(100_000, 40, 10), "tiny": Size(60, 0, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with running_etcd() as etcd, ExitStack() as stack:
        bodies = (
            body(number, f"s{number % SERVICES}", instance_id=f"i-{number}", ttl=TTL_S)
            for number in range(size.instances)
        )
        etcd.fill("crowd", loaded(bodies))
        ours = [stack.enter_context(registry(store=etcd.store("crowd"))) for _ in range(REPLICAS - 1)]
        with registry(store=etcd.store("crowd")) as victim:
            stack.enter_context(_beating([*(each.port for each in ours), victim.port], size))
            time.sleep(size.settle)
            before, cpu = etcd.revision(), [each.running.cpu() for each in (*ours, victim)]
            time.sleep(size.watched)
            writes = etcd.revision() - before
            shares = [each.running.cpu() - used for each, used in zip((*ours, victim), cpu, strict=True)]
            victim.running.kill()
        _until(ours[0], REPLICAS - 1)
        began = time.monotonic()
        stack.enter_context(registry(store=etcd.store("crowd")))
        _until(ours[0], REPLICAS)
        rejoined = time.monotonic() - began
        there = sum(each["discoverable"] for each in ours[0].ask("GET", "/v1/services")["services"])
    share = 100 * sum(shares) / size.watched
    return [
        Number(
            f"{size.instances:,} instances on 3 replicas, heartbeats only: writes of etcd",
            (writes / size.watched,),
            "/s",
            at_most=0.1,
            beside=f"{writes} in {size.watched:g} s; the replicas together took {share:.0f} % of a core",
        ),
        Number(
            "a killed replica is started -> it serves, and the others know it",
            (rejoined,),
            "s",
            at_most=5,
        ),
        Number("instances that were lost on the way", (float(size.instances - there),), "", at_most=0),
    ]


def _until(replica: Registry, members: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while len(replica.ask("GET", "/v1/replicas")["replicas"]) != members:
        assert time.monotonic() < until, f"there are not {members} replicas"
        time.sleep(0.05)


@contextmanager
def _beating(ports: Sequence[int], size: Size) -> Iterator[None]:
    """Each replica hears a third of them, each of those three times in a TTL; where it is gone, the next one does."""
    over = threading.Event()
    threads = [threading.Thread(target=_beat, args=[ports, at, size, over]) for at in range(len(ports))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _beat(ports: Sequence[int], at: int, size: Size, over: threading.Event) -> None:
    ids = [f"i-{number}" for number in range(at, size.instances, len(ports))]
    batches = [
        msgspec.json.encode({"heartbeats": [{"instance_id": id} for id in ids[start : start + BATCH]]})
        for start in range(0, len(ids), BATCH)
    ]
    while True:
        for batch in batches:
            if over.wait(TTL_S / 3 / len(batches)):
                return
            while not _sent(ports[at % len(ports)], batch) and not over.is_set():
                at += 1


def _sent(port: int, batch: bytes) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("POST", "/v1/heartbeats", batch, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
