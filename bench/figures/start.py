"""Little things: `muster serve` from nothing to ready, and what a registry costs that nobody asks anything, with 1,000 watchers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from bench.figure import Number, Scale
from bench.process import Program
from bench.registry import body, registry
from bench.watchers import Crowd, watchers


class Size(Struct, frozen=True):
    starts: int
    watchers: int
    seconds: float
    runs: int


SIZES = {"full": Size(9, 1_000, 10, 3), "quick": Size(5, 1_000, 5, 1), "tiny": Size(1, 5, 0.3, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    _start()  # once for the disk and the byte-code caches
    return [
        Number(
            "`muster serve`, empty, to ready",
            tuple(_start() for _ in range(size.starts)),
            "s",
            at_most=0.7,
        ),
        Number(
            f"idle with {size.watchers:,} watchers: share of a core",
            tuple(_idle(size)),
            "%",
            at_most=2,
        ),
    ]


def _start() -> float:
    with registry() as ours:
        return ours.ready_s


def _idle(size: Size) -> list[float]:
    with registry() as ours:
        ours.ask("POST", "/v1/register", body(1, "web", static=True))
        with watchers(ours.address, ["/v1/watch?service=web"] * size.watchers) as crowd:
            crowd.read_for(1.0)
            return [share(ours.running, crowd, size.seconds) for _ in range(size.runs)]


def share(server: Program, crowd: Crowd, seconds: float) -> float:
    """Percent of a core that the server uses while its watchers only read."""
    used, began = server.cpu(), time.perf_counter()
    crowd.read_for(seconds)
    return 100 * (server.cpu() - used) / (time.perf_counter() - began)
