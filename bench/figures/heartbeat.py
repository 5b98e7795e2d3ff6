"""Heartbeats: `PUT /v1/heartbeat/{id}` over 100,000 ids, 64 connections, beside nginx's empty 204; and renewals in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from bench.figure import Number, Scale
from bench.figures.lookup import beside
from bench.nginx import nginx
from bench.population import fill
from bench.registry import Registry, body, registry
from bench.wrk import wrk

SERVICES = 1_000
BATCHING = 4
"""Connections that send batches."""
BATCHES = """
    local bodies, n = {{}}, 0
    function init()
        for first = 0, {instances} - 1, {batch} do
            local beats = {{}}
            for i = first, first + {batch} - 1 do
                beats[#beats + 1] = string.format('{{"instance_id":"s%d-%d"}}', i % {services}, i)
            end
            bodies[#bodies + 1] = wrk.format("POST", "/v1/heartbeats", {{["Content-Type"] = "application/json"}},
                '{{"heartbeats":[' .. table.concat(beats, ",") .. ']}}')
        end
    end
    function request()
        n = n % #bodies + 1
        return bodies[n]
    end
"""


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    instances: int
    batch: int


SIZES = {
    "full": Size(5, 5, 100_000, 10_000),
    "quick": Size(1, 2, 100_000, 10_000),
    "tiny": Size(1, 1, 200, 50),
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
            batches = _batches(ours, size)
    return [
        *beside("heartbeat, one by one", pairs, 0.3),
        batches,
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


def _batches(ours: Registry, size: Size) -> Number:
    """Renewals a second, a few connections with whole batches."""
    answer = ours.ask("POST", "/v1/heartbeats", {"heartbeats": _beats(0, size)})
    assert answer == {"renewed": size.batch, "refused": []}, answer
    script = BATCHES.format(batch=size.batch, instances=size.instances, services=SERVICES)
    loads = [
        wrk(ours.running, ours.port, "/", seconds=size.seconds, script=script, connections=BATCHING)
        for _ in range(size.runs)
    ]
    assert not any(load.errors for load in loads)
    told = f"{size.batch:,} a batch; server's CPU {loads[-1].cost / size.batch:.2f} us a renewal"
    rates = tuple(load.rate * size.batch for load in loads)
    return Number("heartbeat, in batches", rates, "renewals/s", at_least=500_000, beside=told)


def _beats(first: int, size: Size) -> list[dict[str, str]]:
    return [{"instance_id": f"s{n % SERVICES}-{n}"} for n in range(first, first + size.batch)]
