"""Consul's blocking queries: what 10,000 of them cost that wait, and that one change answers those of its service and no other."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bench.figure import Number, Scale
from bench.figures.start import share
from bench.registry import Registry, body, registry
from bench.watchers import Crowd, now, watchers

WAIT = b"x-consul-index"
"""Is in every answer's head."""
TOLD_S = 30.0


class Size(Struct, frozen=True):
    """`each` queries of each of the services wait."""

    services: int
    each: int
    seconds: float
    runs: int

    @property
    def queries(self) -> int:
        return self.services * self.each


SIZES = {"full": Size(100, 100, 10, 5), "quick": Size(100, 100, 5, 2), "tiny": Size(3, 2, 0.3, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with registry() as ours:
        for service in range(size.services):
            ours.ask("POST", "/v1/register", body(service, f"s{service}", static=True))
        paths = [f"/v1/health/service/s{query % size.services}" for query in range(size.queries)]
        with watchers(ours.address, paths, first=WAIT) as crowd:
            index = _index(ours)  # later than each service's own, and not ahead of the registry
            crowd.send([f"{path}?index={index}&wait=10m" for path in paths])
            crowd.read_for(1.0 if scale == "tiny" else 3.0)
            idle = tuple(share(ours.running, crowd, size.seconds) for _ in range(size.runs))
            told, strangers = zip(*(_change(ours, crowd, size, run) for run in range(size.runs)), strict=True)
    return [
        Number(f"{size.queries:,} idle queries: share of a core", idle, "%", at_most=2),
        Number(f"one change, until all {size.each} queries of its service are answered", told, "ms"),
        Number("queries of other services it answered", strangers, "", at_most=0),
    ]


def _index(ours: Registry) -> int:
    """What a query that was answered just now would hold."""
    return int(ours.status()["revision"]) + 1


def _change(ours: Registry, crowd: Crowd, size: Size, run: int) -> tuple[float, float]:
    """(ms from the request to the last answer, how many others were answered)."""
    changed = run % size.services
    wanted = range(changed, size.queries, size.services)
    crowd.forget()
    began = now()
    ours.ask("POST", "/v1/register", body(changed, f"s{changed}", static=True, version=f"next-{run}"))
    told = max(crowd.read_until(WAIT, wanted, TOLD_S))
    crowd.read_for(0.2)
    strangers = sum(
        bool(heard) for number, heard in enumerate(crowd.heard) if number % size.services != changed
    )
    return 1000 * (told - began), float(strangers)
