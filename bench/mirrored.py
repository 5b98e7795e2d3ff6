"""A caller of a large service: a mirror of it, and a thread that picks at an even pace. `python -m bench.mirrored URL SERVICE PICKS_PER_S`.

Says in a line of JSON how much memory the mirror took and whether it is whole; then, for every line it is sent, what came of the time since
the last one, and at the end of its input it ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from muster import Discovery


class Window(Struct):
    """Since the last one. `late`: how long after its moment each pick was done (s). `took`: processor seconds of the whole process, of the
    thread that picks, and of all the others, which is what the mirror costs."""

    seconds: float
    changes: int
    picking: float
    mirroring: float
    memory: float
    late: list[float]


class Picking:
    """Picks `rate` times a second. A pick that could not begin in time, because another thread had the interpreter, is late."""

    def __init__(self, discovery: Discovery, service: str, rate: float) -> None:
        self._discovery = discovery
        self._service = service
        self._pause = 1.0 / rate
        self.late: list[float] = []
        self.cpu = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        due = time.perf_counter()
        while True:
            due = max(due + self._pause, time.perf_counter())
            time.sleep(max(due - time.perf_counter(), 0.0))
            self._discovery.pick(self._service)
            self.late.append(time.perf_counter() - due)
            self.cpu = time.thread_time()


def memory() -> float:
    """Resident megabytes."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def tell(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def before_all_others() -> None:
    """On its core, where that is allowed: how late a pick is must be our doing, not a neighbour's."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def main(url: str, service: str, rate: float) -> None:
    before_all_others()
    with Discovery(url) as discovery:
        discovery.start()
        gc.collect()
        before = memory()
        discovery.wait_ready(60, service)
        tell({"instances": len(discovery.instances(service)), "memory": memory() - before})
        picking = Picking(discovery, service, rate)
        began, cpu, picked, changes = time.perf_counter(), time.process_time(), 0.0, 0
        for _ in sys.stdin:
            now, used, counted = time.perf_counter(), time.process_time(), discovery.status().counts.changes
            late, picking.late = picking.late, []
            window = Window(
                seconds=now - began,
                changes=counted - changes,
                picking=picking.cpu - picked,
                mirroring=used - cpu - (picking.cpu - picked),
                memory=memory() - before,
                late=late,
            )
            began, cpu, picked, changes = now, used, picking.cpu, counted
            tell(window)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
