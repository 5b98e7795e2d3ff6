"""Three replicas on one etcd: durable registrations through all of them, and a change at one on its way to a watcher of another, each
beside the same done with etcd alone: puts of as many bytes with the same concurrency, and a bare watch of the key that is put.

Each run has an etcd and replicas of its own: what earlier runs registered would be probed meanwhile, and is no new registration. Etcd goes
first, while the replicas have nothing to do. All may use both cores, in either case: three replicas are three machines' work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import count
from typing import Any

from msgspec import Struct

from bench import cores
from bench.etcd import running_etcd
from bench.figure import Number, Scale, quantile, ratios
from bench.figures.register import REQUESTS
from bench.registry import Registry, registry
from bench.wrk import wrk

REPLICAS = 3
CONNECTIONS = 63
APART_S = 0.02
"""Between two changes: those within 5 ms are told together, which is not what is measured."""
VALUE_BYTES = 450
"""A record as the load registers it."""
TTL_S = 30
"""Instances renew a lease, as our own library's do: probes of all that came before are not the cost of registering the next one."""


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    changes: int


SIZES = {"full": Size(5, 5, 300), "quick": Size(2, 3, 150), "tiny": Size(1, 1, 10)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    runs = [_run(size) for _ in range(size.runs)]
    rates = ratios([run.registered for run in runs], [run.put for run in runs])
    beyond = tuple(quantile(run.told, 0.5) - quantile(run.watched, 0.5) for run in runs)
    last = runs[-1]
    across = ", ".join(
        f"{what} {quantile(last.told, share):.1f} ms to {quantile(last.watched, share):.1f} ms"
        for what, share in (("median", 0.5), ("p99", 0.99))
    )
    return [
        Number(
            "replicas, durable registrations: rate to bare puts'",
            rates,
            "x",
            at_least=0.5,
            beside=f"{last.registered:,.0f}/s to {last.put:,.0f}/s",
        ),
        Number(
            "replicas, change to a watcher of another: beyond a bare watch",
            beyond,
            "ms",
            at_most=3,
            beside=across,
        ),
    ]


class Run(Struct, frozen=True):
    """Per second; in ms."""

    registered: float
    put: float
    told: list[float]
    watched: list[float]


def _run(size: Size) -> Run:
    with ExitStack() as stack:
        etcd = stack.enter_context(running_etcd(placed=cores.on_both))
        replicas = [
            stack.enter_context(registry(store=etcd.store("bench"), placed=cores.on_both))
            for _ in range(REPLICAS)
        ]
        watched = asyncio.run(_following_etcd(etcd.port, size.changes))
        told = _following(replicas, size.changes)
        put = asyncio.run(_put_all(etcd.port, size.seconds))
        return Run(_registering(replicas, size), put, told, watched)


def _registering(replicas: Sequence[Registry], size: Size) -> float:
    """Registrations per second, through all at once."""

    def load(replica: Registry) -> float:
        script = REQUESTS.replace('"i-%d"', f'"i-{replica.port}-%d"').replace(
            '"port"', f'"ttl":{TTL_S},"port"'
        )
        done = wrk(
            replica.running,
            replica.port,
            "/",
            seconds=size.seconds,
            script=script,
            connections=CONNECTIONS // REPLICAS,
        )
        assert not done.errors, f"{done.errors} registrations were refused"
        return done.rate

    with ThreadPoolExecutor(REPLICAS) as threads:
        return sum(threads.map(load, replicas))


# --- Etcd alone -------------------------------------------------------------------------------------------------------


async def _put_all(etcd: int, seconds: float) -> float:
    """Puts per second, with the same concurrency."""
    from muster.storage.etcd import transactions as txn
    from muster.storage.etcd.client import TXN, Client
    from muster.storage.etcd.location import parse
    from muster.storage.etcd.messages import MESSAGES

    client, numbers = Client(parse(f"etcd://127.0.0.1:{etcd}")), count()
    until, done = time.monotonic() + seconds, 0

    async def putting() -> None:
        nonlocal done
        while time.monotonic() < until:
            key = f"bare/{next(numbers)}".encode()
            await client.call(TXN, MESSAGES["TxnRequest"](success=[txn.put(key, bytes(VALUE_BYTES))]))
            done += 1

    await asyncio.gather(*(putting() for _ in range(CONNECTIONS)))
    await client.close()
    return done / seconds


async def _following_etcd(etcd: int, changes: int) -> list[float]:
    """Ms from sending a put to its event on a watch."""
    from muster.storage.etcd import transactions as txn
    from muster.storage.etcd.client import TXN, WATCH, Client
    from muster.storage.etcd.location import parse
    from muster.storage.etcd.messages import MESSAGES

    client, writer = Client(parse(f"etcd://127.0.0.1:{etcd}")), Client(parse(f"etcd://127.0.0.1:{etcd}"))
    create = MESSAGES["WatchRequest"](create_request=MESSAGES["WatchCreateRequest"](key=b"watched"))
    answers = client.stream(WATCH, create)
    await anext(answers)
    took = []
    for _ in range(changes):
        await asyncio.sleep(APART_S)
        began = time.perf_counter()
        request = MESSAGES["TxnRequest"](success=[txn.put(b"watched", bytes(VALUE_BYTES))])
        put = asyncio.ensure_future(writer.call(TXN, request))
        while not (await anext(answers)).events:
            pass
        took.append((time.perf_counter() - began) * 1e3)
        await put
    await answers.aclose()
    await client.close()
    await writer.close()
    return took


# --- Through the replicas ---------------------------------------------------------------------------------------------


def _following(replicas: Sequence[Registry], changes: int) -> list[float]:
    """Ms from sending a change to one replica to its event on a stream of another."""
    first, other = replicas[0], replicas[1]
    described = {"service": "watched", "instance_id": "w", "host": "127.0.0.1", "port": 1, "ttl": 3600}
    first.ask("POST", "/v1/register", described)
    stream = HTTPConnection("127.0.0.1", other.port, timeout=30)
    stream.request("GET", "/v1/watch?service=watched")
    events = stream.getresponse()
    with ThreadPoolExecutor(1) as threads:
        took = [_change(first, events, threads, weight) for weight in range(1, changes + 1)]
    stream.close()
    return took


def _change(replica: Registry, events: Any, threads: ThreadPoolExecutor, weight: int) -> float:
    time.sleep(APART_S)
    began = time.perf_counter()
    asked = threads.submit(replica.ask, "PATCH", "/v1/instances/w", {"weight": weight})
    while f'"weight":{weight},'.encode() not in events.readline():
        pass
    took = (time.perf_counter() - began) * 1e3
    asked.result()
    return took
