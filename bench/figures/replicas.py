"""Three replicas on one etcd: durable registrations through all of them, and a change at one on its way to a watcher of another, each
beside the same done with etcd alone: puts of as many bytes with the same concurrency, and a bare watch of the key that is put."""

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


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    changes: int


SIZES = {"full": Size(3, 5, 300), "quick": Size(2, 3, 150), "tiny": Size(1, 1, 10)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with ExitStack() as stack:
        etcd = stack.enter_context(running_etcd()).port
        replicas = [
            stack.enter_context(registry(store=f"etcd://127.0.0.1:{etcd}/bench")) for _ in range(REPLICAS)
        ]
        pairs = [(_registering(replicas, size), _putting(etcd, size)) for _ in range(size.runs)]
        ours, bare = _following(replicas, size.changes), asyncio.run(_following_etcd(etcd, size.changes))
    rates = ratios([our for our, _ in pairs], [bare for _, bare in pairs])
    told = f"{pairs[-1][0]:,.0f}/s to {pairs[-1][1]:,.0f}/s"
    medians = (quantile(ours, 0.5), quantile(bare, 0.5))
    across = f"{medians[0]:.1f} ms to {medians[1]:.1f} ms; p99 {quantile(ours, 0.99):.1f} to {quantile(bare, 0.99):.1f}"
    return [
        Number("replicas, durable registrations: rate to bare puts'", rates, "x", at_least=0.5, beside=told),
        Number(
            "replicas, change to a watcher of another: beyond a bare watch",
            (medians[0] - medians[1],),
            "ms",
            at_most=3,
            beside=across,
        ),
    ]


def _registering(replicas: Sequence[Registry], size: Size) -> float:
    """Registrations per second, through all at once."""

    def load(replica: Registry) -> float:
        script = REQUESTS.replace('"i-%d"', f'"i-{replica.port}-%d"')
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


def _putting(etcd: int, size: Size) -> float:
    """Puts per second, with the same concurrency."""
    return asyncio.run(_put_all(etcd, size.seconds))


async def _put_all(etcd: int, seconds: float) -> float:
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
