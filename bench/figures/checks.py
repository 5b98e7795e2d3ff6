"""10,000 active HTTP checks every 10 s: how late the registry's loop runs meanwhile, as it exports it itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import uvloop
from msgspec import Struct

from bench.figure import Number, Scale
from bench.population import fill
from bench.registry import Registry, body, registry

HOST = "127.0.5.1"
INTERVAL_S = 10.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Size(Struct, frozen=True):
    """`window` s is how far back the registry's own quantiles look."""

    checks: int
    interval: float
    window: float
    runs: int


SIZES = {
    "full": Size(10_000, INTERVAL_S, 60, 3),
    "quick": Size(10_000, INTERVAL_S, 20, 1),
    "tiny": Size(20, 0.5, 1, 1),
}


class Answering(asyncio.Protocol):
    """Every instance's health endpoint."""

    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, _: bytes) -> None:
        Answering.answered += 1
        self._transport.write(ANSWER)
        self._transport.close()


def measure(scale: Scale) -> Sequence[Number]:
    return uvloop.run(_measure(SIZES[scale]))


async def _measure(size: Size) -> Sequence[Number]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, HOST, 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    with TemporaryDirectory(prefix="muster-bench-") as data:
        await asyncio.to_thread(fill, Path(data), (_body(n, size, port) for n in range(size.checks)))
        with registry(data=Path(data)) as ours:
            await asyncio.sleep(size.interval * 1.5)
            runs = [await _window(ours, size) for _ in range(size.runs)]
            health = await _ask(ours, f"/v1/instances/web-{size.checks - 1}")
    assert health["status"] == "healthy", health
    lags = [lag for lag, _, _ in runs]
    _, rate, share = runs[-1]
    told = f"{rate:,.0f} checks/s, {share:.0f} % of a core; p50 {lags[-1]['p50']:.2f} ms, max {lags[-1]['max']:.1f} ms"
    return [
        Number(
            f"{size.checks:,} HTTP checks at {size.interval:g} s: loop lag, p99",
            tuple(lag["p99"] for lag in lags),
            "ms",
            at_most=10,
            beside=told,
        )
    ]


async def _window(ours: Registry, size: Size) -> tuple[dict[str, float], float, float]:
    """The lag (ms), checks a second, and the registry's share of a core (%)."""
    answered, used, began = Answering.answered, ours.running.cpu(), time.perf_counter()
    await asyncio.sleep(size.window)
    passed = time.perf_counter() - began
    status = await _ask(ours, "/v1/status")
    share = 100 * (ours.running.cpu() - used) / passed
    return status["loop_lag_ms"], (Answering.answered - answered) / passed, share


def _body(number: int, size: Size, port: int) -> dict[str, Any]:
    check = {"kind": "http", "path": "/health", "interval": size.interval}
    return body(number, "web", host=HOST, port=port, static=True, checks=[check])


async def _ask(ours: Registry, path: str) -> Any:
    return await asyncio.to_thread(ours.ask, "GET", path)
