"""Heartbeats: `PUT /v1/heartbeat/{id}` over 100,000 ids, 64 connections, beside nginx's empty 204; and renewals in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import Struct

from bench.figure import Number, Scale
from bench.figures.lookup import beside
from bench.nginx import nginx
from bench.population import fill
from bench.registry import Registry, body, registry
from bench.wrk import wrk

SERVICES = 1_000


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    instances: int
    batch: int
    batches: int


SIZES = {
    "full": Size(5, 5, 100_000, 10_000, 50),
    "quick": Size(1, 2, 100_000, 10_000, 20),
    "tiny": Size(1, 1, 200, 50, 2),
}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with TemporaryDirectory(prefix="muster-bench-") as data:
        fill(Path(data), (_body(number) for number in range(size.instances)))
        with registry(data=Path(data)) as ours, nginx(204) as (reference, port):
            requests = requests_of(size.instances)
            pairs = [
                (
                    wrk(ours.running, ours.port, "/", seconds=size.seconds, script=requests),
                    wrk(reference, port, "/", seconds=size.seconds, script=requests),
                )
                for _ in range(size.runs)
            ]
            batches = tuple(_batches(ours, size) for _ in range(size.runs))
    return [
        *beside("heartbeat, one by one", pairs, 0.3),
        Number(
            "heartbeat, in batches", batches, "renewals/s", at_least=500_000, beside=f"{size.batch} a batch"
        ),
    ]


def _body(number: int) -> dict[str, Any]:
    """Not ready yet, and so not probed: what follows on a restart is measured elsewhere."""
    return body(number, f"s{number % SERVICES}", status="starting")


def requests_of(instances: int) -> str:
    """Every id in turn."""
    return f"""
        local n = 0
        request = function()
            n = (n + 1) % {instances}
            return wrk.format("PUT", "/v1/heartbeat/s" .. n % {SERVICES} .. "-" .. n)
        end
    """


def _batches(ours: Registry, size: Size) -> float:
    """Renewals a second, one batch after the other on one connection, by the server's clock and ours alike."""
    bodies = [_batch(first, size) for first in range(0, size.instances, size.batch)]
    connection = HTTPConnection(*ours.address)
    started = time.perf_counter()
    for number in range(size.batches):
        sent = bodies[number % len(bodies)]
        connection.request("POST", "/v1/heartbeats", sent, {"Content-Type": "application/json"})
        answer = msgspec.json.decode(connection.getresponse().read())
        assert answer["renewed"] == size.batch, answer
    return size.batch * size.batches / (time.perf_counter() - started)


def _batch(first: int, size: Size) -> bytes:
    ids = (f"s{number % SERVICES}-{number}" for number in range(first, first + size.batch))
    return msgspec.json.encode({"heartbeats": [{"instance_id": id} for id in ids]})
