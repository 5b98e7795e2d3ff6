"""Three replicas on one etcd that lose something: look-ups while etcd stands still (SIGSTOP) beside look-ups while it runs; and a replica
that is killed with SIGKILL, until those who read from it are told the next change by another one, while nobody who lives is expired."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from msgspec import Struct

from bench.etcd import Etcd, running_etcd
from bench.figure import Number, Scale, quantile, ratios
from bench.registry import HOST, Registry, body, registry
from bench.wrk import wrk
from muster import Discovery

REPLICAS = 3
LOOK_UP = "/v1/services/web/instances"
LIVE = 300
TTL_S = 6.0
BEAT_S = 1.0
GONE_S = 10.0
"""How long the membership of a replica that was killed lasts."""
PATIENCE_S = 30.0
LOOK_S = 0.002


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    kills: int
    readers: int
    watched: float


SIZES = {
    "full": Size(5, 3, 4, 60, GONE_S + 2 * TTL_S),
    "quick": Size(2, 2, 2, 30, GONE_S + 2 * TTL_S),
    "tiny": Size(1, 1, 1, 12, 0),
}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with running_etcd() as etcd, ExitStack() as stack:
        ours = [stack.enter_context(registry(store=etcd.store("bench"))) for _ in range(REPLICAS)]
        for number in range(10):
            ours[0].ask("POST", "/v1/register", body(number, "web", static=True))
        pairs = [_looking_up(ours[1], etcd, size) for _ in range(size.runs)]
    stopped, running = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    kills = [_killed(size) for _ in range(size.kills)]
    took = [each for readers, _ in kills for each in readers]
    return [
        Number(
            "replicas, look-ups with etcd stopped: p99 to that with etcd running",
            ratios(stopped, running),
            "x",
            at_most=1.2,
            beside=f"{stopped[-1]:.2f} ms to {running[-1]:.2f} ms",
        ),
        Number(
            "replica killed -> its readers are told the next change by another, p99",
            (quantile(took, 0.99),),
            "s",
            at_most=1,
            beside=f"median {quantile(took, 0.5):.2f} s of {len(took)}",
        ),
        Number(
            f"replica killed, {LIVE} instances renewed: expired wrongly",
            (float(sum(wrong for _, wrong in kills)),),
            "",
            at_most=0,
            beside=f"in {size.watched:g} s after each of {size.kills}",
        ),
    ]


def _looking_up(replica: Registry, etcd: Etcd, size: Size) -> tuple[float, float]:
    """p99 (ms) with etcd stopped, and running."""
    with etcd.stopped():
        stopped = wrk(replica.running, replica.port, LOOK_UP, seconds=size.seconds)
    running = wrk(replica.running, replica.port, LOOK_UP, seconds=size.seconds)
    assert not stopped.errors
    assert not running.errors
    return stopped.p99_ms, running.p99_ms


# --- A replica is killed ----------------------------------------------------------------------------------------------


def _killed(size: Size) -> tuple[list[float], int]:
    """Seconds until each reader of the killed one was told, and how many of the living were expired."""
    with running_etcd() as etcd, ExitStack() as stack:
        ours = [stack.enter_context(registry(store=etcd.store("bench"))) for _ in range(REPLICAS)]
        victim, other, _ = ours
        for number in range(LIVE):
            ours[number % REPLICAS].ask("POST", "/v1/register", body(number, "live", ttl=TTL_S))
        other.ask("POST", "/v1/register", body(0, "web", static=True))
        stack.enter_context(_beating(ours))
        readers = [
            stack.enter_context(Discovery([each.url for each in ours], ["web"])) for _ in range(size.readers)
        ]
        for reader in readers:
            reader.wait_ready()
        took = _until_told(readers, victim, other)
        time.sleep(size.watched)
        listed = other.ask("GET", "/v1/services/live/instances?all=true")["instances"]
    return took, LIVE - sum(each["status"] == "healthy" for each in listed)


def _until_told(readers: Sequence[Discovery], victim: Registry, other: Registry) -> list[float]:
    theirs = [reader for reader in readers if _reads(reader, victim)]
    began = time.monotonic()
    victim.running.kill()
    other.ask("PATCH", "/v1/instances/web-0", {"weight": 7})
    took: dict[Discovery, float] = {}
    while len(took) < len(theirs) and time.monotonic() < began + PATIENCE_S:
        time.sleep(LOOK_S)
        for reader in theirs:
            if reader not in took and [each.weight for each in reader.instances("web")] == [7]:
                took[reader] = time.monotonic() - began
    assert theirs, "nobody read from it"
    return [took.get(reader, PATIENCE_S) for reader in theirs]


def _reads(reader: Discovery, replica: Registry) -> bool:
    connection = reader.status().connection
    return connection is not None and connection.registry == replica.url


@contextmanager
def _beating(replicas: Sequence[Registry]) -> Iterator[None]:
    """A third of the living at each replica; where it is gone, at the next one."""
    over = threading.Event()

    def beat(first: int) -> None:
        beats = [{"instance_id": f"live-{n}"} for n in range(first, LIVE, REPLICAS)]
        at = first
        while not over.wait(BEAT_S):
            for _ in replicas:
                try:
                    Registry(replicas[at % REPLICAS].running, HOST, replicas[at % REPLICAS].port, 0).ask(
                        "POST", "/v1/heartbeats", {"heartbeats": beats}
                    )
                    break
                except (OSError, RuntimeError):
                    at += 1

    threads = [threading.Thread(target=beat, args=[first]) for first in range(REPLICAS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
