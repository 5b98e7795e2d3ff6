"""A mirror of 10,000 instances of one service under 1,000 changes a second: its memory, its share of a core, and how late picks are that
another thread of the same process makes meanwhile.

A real registry and what changes it share one core, the caller has the other. Changes are of weight, of an instance at random, each durable
and told as it happens. Picks are made 1,000 times a second; a pick counts as late from the moment it was due, so that waiting for the
interpreter, the usual fate of a thread beside a busy one, is in it; waiting for a core is not, where the system lets the caller go first.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from bench import cores
from bench.changes import connect
from bench.figure import Number, Scale, quantile
from bench.mirrored import Window
from bench.population import fill
from bench.process import program
from bench.registry import Registry, body, registry

SERVICE = "inventory"
SETTLE_S = 0.5


class Size(Struct, frozen=True):
    instances: int
    rate: float
    seconds: float
    runs: int


SIZES = {
    "full": Size(10_000, 1_000, 10, 5),
    "quick": Size(10_000, 1_000, 6, 3),
    "tiny": Size(50, 50, 0.3, 1),
}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    os.sched_setaffinity(0, {cores.SERVER})
    try:
        with TemporaryDirectory(prefix="muster-bench-") as directory:
            fill(Path(directory), (body(number, SERVICE, static=True) for number in range(size.instances)))
            with registry(data=Path(directory)) as ours, _caller(ours) as caller:
                return _numbers(caller, ours, size)
    finally:
        cores.here_is_load()


class Caller:
    """The process with the mirror."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.started = msgspec.json.decode(self._line(), type=dict[str, float])

    def window(self) -> Window:
        """What came of the time since the last one."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._line(), type=Window)

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def _caller(ours: Registry) -> Iterator[Caller]:
    command = cores.on_load(sys.executable, "-m", "bench.mirrored", ours.url, SERVICE, "1000")
    with program(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        yield Caller(running.process)


def _numbers(caller: Caller, ours: Registry, size: Size) -> list[Number]:
    assert caller.started["instances"] == size.instances
    still = asyncio.run(_windows(caller, size))[0]
    busy = asyncio.run(_while_changing(caller, ours, size))
    what = f"mirror of {size.instances:,}, {size.rate:,.0f} changes/s"
    told = (
        f"{sum(window.changes for window in busy) / sum(window.seconds for window in busy):.0f} snapshots/s"
    )
    idle = f"{_ms(still, 0.99):.2f} ms without changes"
    return [
        Number(f"{what}: memory", tuple(window.memory for window in busy), "MB", at_most=25),
        Number(
            f"{what}: share of a core",
            tuple(100 * window.mirroring / window.seconds for window in busy),
            "%",
            at_most=25,
            beside=f"{told}; the picks themselves {100 * busy[-1].picking / busy[-1].seconds:.1f} %",
        ),
        Number(f"{what}: picks late, p99", tuple(_ms(w, 0.99) for w in busy), "ms", at_most=1, beside=idle),
        Number(
            f"{what}: picks late, max",
            tuple(_ms(window, 1.0) for window in busy),
            "ms",
            at_most=15,
            beside=f"{_ms(still, 1.0):.2f} ms without changes",
        ),
    ]


def _ms(window: Window, share: float) -> float:
    return 1e3 * quantile(window.late, share)


async def _while_changing(caller: Caller, ours: Registry, size: Size) -> list[Window]:
    changes = await connect(ours.address, SERVICE, size.instances)
    changing = asyncio.create_task(changes.go_on(size.rate))
    windows = await _windows(caller, size)
    assert not changing.done(), changing.exception()
    changing.cancel()
    await asyncio.sleep(SETTLE_S)  # the last answers
    changes.close()
    return windows


async def _windows(caller: Caller, size: Size) -> list[Window]:
    windows = []
    for number in range(size.runs + 1):
        await asyncio.sleep(size.seconds if number else size.seconds / 3)
        windows.append(await asyncio.to_thread(caller.window))
    return windows[1:]  # the first saw how it began
