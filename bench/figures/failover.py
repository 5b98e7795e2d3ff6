"""How long a caller reads from nobody: its registry closes the stream, or falls silent, and another one is there; or the only one returns.

Two registries in memory that hold the same (`muster.testing`), one caller with the usual time-outs. The slowest of all is what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from msgspec import Struct

from bench.figure import Number, Scale
from muster import Discovery
from muster.testing import FakeRegistry

PATIENCE_S = 30.0
ALIVE_S = 2.0
"""As often as a real registry says that it is there."""


class Size(Struct, frozen=True):
    """`away`: how long a lone registry is (s): so long that waits have grown as far as they will."""

    closed: int
    silent: int
    returned: int
    away: float


SIZES = {"full": Size(20, 5, 10, 5.0), "quick": Size(10, 3, 5, 4.0), "tiny": Size(1, 0, 1, 0.0)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    return [
        _slowest("stream closed -> read from another registry", size.closed, _closed, bound=1),
        *(
            [_slowest("silence -> read from another registry", size.silent, _silent, bound=6)]
            if size.silent
            else []
        ),
        _slowest(
            "the only registry returns -> read from", size.returned, lambda: _returned(size.away), bound=1.1
        ),
    ]


def _slowest(what: str, times: int, once: Callable[[], float], bound: float) -> Number:
    took = sorted(once() for _ in range(times))
    return Number(
        f"{what}, slowest of {times}",
        (took[-1],),
        "s",
        at_most=bound,
        beside=f"median {took[len(took) // 2]:.2f} s",
    )


def _closed() -> float:
    return _elsewhere(FakeRegistry.stop)


def _silent() -> float:
    return _elsewhere(FakeRegistry.hush)


def _elsewhere(fail: Callable[[FakeRegistry], object]) -> float:
    with ExitStack() as stack:
        one = stack.enter_context(FakeRegistry(alive_every=ALIVE_S))
        other = stack.enter_context(FakeRegistry(alive_every=ALIVE_S, holdings=one.holdings))
        one.add("web", port=1)
        discovery = stack.enter_context(Discovery([one.url, other.url], ["web"]))
        discovery.wait_ready()
        lost, left = (one, other) if one.readers else (other, one)
        return _until_read(left, lambda: fail(lost))


def _returned(away: float) -> float:
    with FakeRegistry(alive_every=ALIVE_S) as registry, Discovery(registry.url, ["web"]) as discovery:
        registry.add("web", port=1)
        discovery.wait_ready()
        registry.stop()
        registry.wait(lambda: registry.readers == 0)
        time.sleep(away)
        return _until_read(registry, registry.start)


def _until_read(registry: FakeRegistry, begin: Callable[[], object]) -> float:
    began = time.perf_counter()
    begin()
    registry.wait(lambda: registry.readers == 1, PATIENCE_S)
    return time.perf_counter() - began
