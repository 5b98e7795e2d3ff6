"""A crash: `kill -9` of an instance and its `muster run` at once, until 1,000 watchers have been told that it is out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.request import urlopen

from msgspec import Struct

from bench import cores
from bench.figure import Number, Scale, quantile
from bench.process import Program, program, until_ready
from bench.registry import HOST, Registry, free_port, registry
from bench.watchers import Crowd, now, watchers

TOLD_S = 40.0
"""Longer than a lease: a crash that only its lease ends shows as a number, not as a time-out."""


class Size(Struct, frozen=True):
    watchers: int
    crashes: int
    runs: int


SIZES = {"full": Size(1_000, 20, 3), "quick": Size(1_000, 10, 1), "tiny": Size(3, 1, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with registry() as ours, watchers(ours.address, ["/v1/watch?service=web"] * size.watchers) as crowd:
        runs = [
            [_crash(ours, crowd, f"web-{run}-{n}") for n in range(size.crashes)] for run in range(size.runs)
        ]
    delays = [[delay for crash in run for delay in crash] for run in runs]
    told = f"{size.crashes} crashes a run; median {quantile(delays[-1], 0.5):.1f} ms, last watcher {max(delays[-1]):.1f} ms"
    return [
        Number(
            f"crash -> told at {size.watchers:,} watchers, p99",
            tuple(quantile(each, 0.99) for each in delays),
            "ms",
            at_most=100,
            beside=told,
        )
    ]


def _crash(ours: Registry, crowd: Crowd, id: str) -> list[float]:
    """Milliseconds from the kill until each watcher had the news."""
    port = free_port()
    with _instance(ours, id, port) as wrapper:
        everyone = range(len(crowd))
        victim = until_ready_pid(port, wrapper)
        crowd.read_until(f'"{id}"'.encode(), everyone, TOLD_S)
        _until(lambda: bool(ours.ask("GET", f"/v1/instances/{id}")["session"]), crowd)
        crowd.read_for(0.3)  # the registry's first probe, and whatever else begins with an instance
        crowd.forget()
        killed = now()
        os.kill(victim, signal.SIGKILL)
        os.kill(wrapper.pid, signal.SIGKILL)
        told = crowd.read_until(b"event: remove", everyone, TOLD_S)
    ours.ask("DELETE", f"/v1/instances/{id}")
    crowd.read_for(0.05)
    return [(at - killed) * 1e3 for at in told]


@contextmanager
def _instance(ours: Registry, id: str, port: int) -> Iterator[Program]:
    muster = [sys.executable, "-m", "muster", "run", "--url", ours.url, "--service", "web", "--id", id]
    victim = [sys.executable, "-m", "bench.victim", str(port)]
    command = cores.on_load(*muster, "--port", str(port), "--", *victim)
    with program(
        command, stderr=subprocess.DEVNULL
    ) as wrapper:  # its lines are for people, not for this table
        yield wrapper


def until_ready_pid(port: int, wrapper: Program) -> int:
    url = f"http://{HOST}:{port}/"
    until_ready(url, wrapper.process)
    with urlopen(url) as answer:
        return int(answer.read())


def _until(holds: Callable[[], bool], crowd: Crowd) -> None:
    deadline = time.monotonic() + TOLD_S
    while not holds():
        assert time.monotonic() < deadline, "the instance's session did not open"
        crowd.read_for(0.05)
