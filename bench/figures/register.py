"""Registrations: `POST /v1/register`, 64 connections, each durable before it is answered, beside the same on the memory store."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bench.figure import Number, Scale, ratios
from bench.registry import registry
from bench.wrk import Load, wrk

REQUESTS = """
    local n = 0
    local headers = {["Content-Type"] = "application/json"}
    local body = '{"service":"s%d","instance_id":"i-%d","host":"127.0.3.%d","port":8080,"zone":"z%d","version":"1.4.2",' ..
        '"metadata":{"team":"checkout"},"incarnation":"%032d"}'
    request = function()
        n = n + 1
        return wrk.format("POST", "/v1/register", headers, body:format(n % 1000, n, 1 + n % 250, n % 3, n))
    end
"""


class Size(Struct, frozen=True):
    runs: int
    seconds: float


SIZES = {"full": Size(5, 5), "quick": Size(2, 3), "tiny": Size(1, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    pairs = [(_registering("sqlite", size), _registering("memory", size)) for _ in range(size.runs)]
    ours, theirs = [load for load, _ in pairs], [load for _, load in pairs]
    rates = ratios([load.rate for load in ours], [load.rate for load in theirs])
    told = (
        f"{ours[-1].rate:,.0f}/s to {theirs[-1].rate:,.0f}/s; "
        f"CPU {ours[-1].cost:.0f} us to {theirs[-1].cost:.0f} us each; p99 in memory {theirs[-1].p99_ms:.1f} ms"
    )
    return [
        Number("register, durable: rate to the memory store's", rates, "x", at_least=0.7, beside=told),
        Number("register, durable: p99", tuple(load.p99_ms for load in ours), "ms", at_most=25),
    ]


def _registering(store: str, size: Size) -> Load:
    with registry(store=store) as ours:
        load = wrk(ours.running, ours.port, "/", seconds=size.seconds, script=REQUESTS)
    assert not load.errors, f"{load.errors} registrations were refused"
    return load
