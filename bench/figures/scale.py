"""The promised size on one core: 100,000 instances in 1,000 services, 10,000 session streams, 10,000 heartbeats a second.

Memory, the time from a restart to serving, the heartbeats' share of a core, and the longest stall of the loop while 3,000 leases
expire here and there, and while a zone of 33,000 dies at once: every session breaks, every connection is refused.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop
from msgspec import Struct

from bench.figure import Number, Scale
from bench.fleet import Fleet
from bench.population import fill
from bench.registry import Registry, body, registry
from bench.stopwatch import Stopwatch, stopwatch

DOOMED = "z2"
ADDRESSES = {"z0": "127.0.4.1", "z1": "127.0.4.2", DOOMED: "127.0.4.3"}
WAIT_S = 600.0


class Size(Struct, frozen=True):
    """`doomed` of the instances are in the zone that dies, ten to a session stream; `silent` others stop their heartbeats."""

    instances: int
    services: int
    streams: int
    doomed: int
    silent: int
    ttl: float
    restarts: int
    windows: int
    window: float


SIZES = {
    "full": Size(100_000, 1_000, 10_000, 33_000, 3_000, 30, 5, 5, 5),
    "quick": Size(100_000, 1_000, 10_000, 33_000, 3_000, 30, 1, 1, 5),
    "tiny": Size(60, 4, 20, 20, 2, 6, 1, 1, 0.2),
}


class Seen(Struct):
    """What the scenario saw, in the order it saw it."""

    memory: float = 0.0
    alone: float = 0.0
    shares: list[float] = []
    rate: float = 0.0
    stalls: dict[str, float] = {}
    took: dict[str, float] = {}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    # They listen before the registry looks: it never suspects whom it has not reached once.
    doors = {zone: socket.create_server((address, 0), backlog=4096) for zone, address in ADDRESSES.items()}
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        data = Path(directory)
        fill(data, _bodies(size, doors))
        ready = [_restart(data) for _ in range(size.restarts)]
        with registry(data=data) as ours, stopwatch(ours.port) as watch:
            gc.freeze()
            seen = uvloop.run(_scenario(ours, watch, size, doors))
    return [
        Number(
            f"{size.instances:,} instances, {size.streams:,} sessions: resident memory",
            (seen.memory,),
            "MB",
            at_most=500,
            beside="after a look-up of every service",
        ),
        Number("restart to serving", tuple(ready), "s", at_most=3),
        Number(
            f"{seen.rate:,.0f} heartbeats/s: share of a core",
            tuple(share - seen.alone for share in seen.shares),
            "%",
            at_most=30,
            beside=f"beside {seen.alone:.1f} % for the pulse of the streams, an event each every 2 s",
        ),
        *(
            Number(what, (stall,), "ms", at_most=100, beside=f"all told after {seen.took[what]:.1f} s")
            for what, stall in seen.stalls.items()
        ),
    ]


# --- Who there is ---------------------------------------------------------------------------------------------------


def _id(number: int, size: Size) -> str:
    """The doomed sort first: the registry makes its first probes in that order, and cannot judge whom it never reached."""
    return f"a-{number}" if number < size.doomed else f"b-{number}"


def _zone(number: int, size: Size) -> str:
    return DOOMED if number < size.doomed else f"z{number % 2}"


def _bodies(size: Size, doors: dict[str, socket.socket]) -> Iterator[dict[str, Any]]:
    for number in range(size.instances):
        zone = _zone(number, size)
        yield body(
            number,
            f"s{number % size.services}",
            instance_id=_id(number, size),
            zone=zone,
            host=ADDRESSES[zone],
            port=doors[zone].getsockname()[1],
            ttl=size.ttl,
        )


def _sessions(size: Size, zone: str) -> list[list[str]]:
    """The ids of each stream: ten of the doomed on one, as a machine's agent would carry them; of the others one each."""
    each = 10 if size.streams >= size.doomed / 10 and zone == DOOMED else 1
    ids = [_id(number, size) for number in range(size.instances) if _zone(number, size) == zone]
    groups = [ids[start : start + each] for start in range(0, len(ids), each)]
    others = (size.streams - size.doomed // 10) // 2
    return groups if zone == DOOMED else groups[:others]


# --- What happens to them -------------------------------------------------------------------------------------------


def _restart(data: Path) -> float:
    with registry(data=data) as ours:
        return ours.ready_s


async def _scenario(ours: Registry, watch: Stopwatch, size: Size, doors: dict[str, socket.socket]) -> Seen:
    seen, fleet, silent = Seen(), Fleet(ours.address), set[str]()
    ids = [_id(number, size) for number in range(size.instances)]
    async with asyncio.TaskGroup() as group:
        for zone, door in doors.items():
            await fleet.open_door(zone, door)
        beating = group.create_task(fleet.beat(ids, size.instances / (size.ttl / 3), silent))
        for zone in ADDRESSES:
            await fleet.carry_sessions(zone, _sessions(size, zone))
        for service in range(size.services):
            await _ask(ours, f"/v1/services/s{service}/instances")
        await _until(ours, ids, lambda found: found["reached"])
        await _load(ours, fleet, size, seen)
        watch.lap()
        step = (size.instances - size.doomed) // size.silent
        silenced = ids[size.doomed :: step][: size.silent]
        silent.update(silenced)
        await _told(
            seen, watch, f"longest stall: {size.silent:,} spread expiries", _until(ours, silenced, _expired)
        )
        silent.update(ids[: size.doomed])
        fleet.kill(DOOMED)
        doomed = ids[: size.doomed]
        await _told(
            seen, watch, f"longest stall: {size.doomed:,} refusals at once", _until(ours, doomed, _out)
        )
        beating.cancel()
    return seen


async def _load(ours: Registry, fleet: Fleet, size: Size, seen: Seen) -> None:
    """Memory, and the share of a core (%) with heartbeats and, for less than a lease can bear, without."""
    seen.memory = ours.running.memory()
    for _ in range(size.windows):
        answered, began = fleet.answered, time.perf_counter()
        seen.shares.append(await _share(ours, size.window))
        seen.rate = (fleet.answered - answered) / (time.perf_counter() - began)
    fleet.resting = True
    await asyncio.sleep(0.1)
    seen.alone = await _share(ours, size.ttl / 20)
    fleet.resting = False


async def _share(ours: Registry, seconds: float) -> float:
    used, began = ours.running.cpu(), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (ours.running.cpu() - used) / (time.perf_counter() - began)


async def _told(seen: Seen, watch: Stopwatch, what: str, done: Any) -> None:
    began = time.perf_counter()
    await done
    seen.took[what] = time.perf_counter() - began
    seen.stalls[what] = watch.lap()


async def _until(ours: Registry, ids: Sequence[str], holds: Any) -> None:
    """Wait until it holds for a sample of the ids, the last one included."""
    deadline = time.monotonic() + WAIT_S
    for id in _sample(ids):
        while not holds(await _ask(ours, f"/v1/instances/{id}")):
            assert time.monotonic() < deadline, f"{id} is not yet as it should be"
            await asyncio.sleep(0.02)


def _sample(ids: Sequence[str]) -> Iterable[str]:
    return [*ids[:: max(1, len(ids) // 50)], ids[-1]]


def _expired(found: dict[str, Any]) -> bool:
    return bool(found["status"] == "expired")


def _out(found: dict[str, Any]) -> bool:
    return bool(found["status"] == "unhealthy")


async def _ask(ours: Registry, path: str) -> Any:
    return await asyncio.to_thread(ours.ask, "GET", path)
