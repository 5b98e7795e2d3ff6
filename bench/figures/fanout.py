"""One change to everybody: 10,000 SSE watchers of one service, beside a bare uvloop program that writes the same bytes.

Ours is counted from the request that changes a weight, its durable commit included; theirs from the request to write. And with
100 services of 100 watchers each, a change of one reaches the watchers of that one and puts no byte anywhere else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from bench import cores
from bench.figure import Number, Scale, quantile, ratios
from bench.process import program, until_ready
from bench.registry import HOST, Registry, body, free_port, registry
from bench.watchers import Crowd, now, watchers

TOLD_S = 30.0
ALIVE = re.compile(
    rb"[0-9a-f]+\r\n(?:id: [^\n]*\n)?event: alive\n(?:id: [^\n]*\n)?data: [^\n]*\n(?:id: [^\n]*\n)?\n\r\n"
)


class Size(Struct, frozen=True):
    watchers: int
    changes: int
    runs: int
    services: int


SIZES = {"full": Size(10_000, 20, 3, 100), "quick": Size(10_000, 10, 1, 100), "tiny": Size(20, 2, 1, 4)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(size.runs):
        p99, written = _ours(size)
        ours.append(p99)
        theirs.append(_theirs(size, written))
    told = f"{ours[-1]:.1f} ms to {theirs[-1]:.1f} ms"
    return [
        Number(
            f"one change -> {size.watchers:,} watchers, p99: to a bare program's",
            ratios(ours, theirs),
            "x",
            at_most=2,
            beside=told,
        ),
        Number(
            f"{size.services} services x {size.watchers // size.services} watchers: others that got a byte",
            (_strangers(size),),
            "watchers",
            at_most=0,
        ),
    ]


def _ours(size: Size) -> tuple[float, bytes]:
    """The p99 (ms), and the bytes of a change."""
    with registry() as running:
        running.ask("POST", "/v1/register", body(1, "web", static=True))
        weights = iter(range(1, 1_000_000))
        with watchers(running.address, ["/v1/watch?service=web"] * size.watchers) as crowd:
            p99 = _p99(crowd, size, lambda: _change(running, "web-1", next(weights)), b"event: upsert")
            return p99, ALIVE.sub(b"", crowd.heard[0])


def _change(running: Registry, id: str, weight: int) -> None:
    running.ask("PATCH", f"/v1/instances/{id}", {"weight": weight})


def _theirs(size: Size, written: bytes) -> float:
    with _firehose(written) as port, watchers((HOST, port), ["/"] * size.watchers) as crowd:
        connection = HTTPConnection(HOST, port)

        def go() -> None:
            connection.request("GET", "/go")
            connection.getresponse().read()

        return _p99(crowd, size, go, b"event: upsert")


@contextmanager
def _firehose(written: bytes) -> Iterator[int]:
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        file = Path(directory) / "written"
        file.write_bytes(written)
        port = free_port()
        command = [sys.executable, "-m", "bench.firehose", str(port), str(file)]
        with program(cores.on_server(*command)) as running:
            until_ready(f"http://{HOST}:{port}/ready", running.process)
            yield port


def _p99(crowd: Crowd, size: Size, change: Callable[[], None], word: bytes) -> float:
    """The median over the changes of the time until 99 % of the watchers had it (ms)."""
    found = []
    for _ in range(size.changes):
        crowd.read_for(0.3)
        crowd.forget()
        asked = now()
        change()
        arrived = crowd.read_until(word, range(len(crowd)), TOLD_S)
        found.append(quantile([(at - asked) * 1e3 for at in arrived], 0.99))
    return median(found)


def _strangers(size: Size) -> int:
    """Watchers of other services that were sent anything on a change but the pulse every stream has."""
    each = size.watchers // size.services
    paths = [f"/v1/watch?service=s{n // each}" for n in range(each * size.services)]
    with registry() as running:
        for service in range(size.services):
            running.ask("POST", "/v1/register", body(service, f"s{service}", static=True))
        with watchers(running.address, paths) as crowd:
            crowd.read_for(0.3)
            crowd.forget()
            _change(running, "s1-1", 7)
            crowd.read_until(b"event: upsert", range(each, 2 * each), TOLD_S)
            crowd.read_for(0.5)
            heard = [ALIVE.sub(b"", data) for data in crowd.heard]
    return sum(bool(data) for n, data in enumerate(heard) if not each <= n < 2 * each)
