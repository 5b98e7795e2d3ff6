"""500 hosts with four instances each on three replicas; all processes of a third of them are killed at once. Until every watcher of every
replica has been told the last of them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import uvloop
from msgspec import Struct

from bench.etcd import running_etcd
from bench.figure import Number, Scale
from bench.fleet import Fleet
from bench.population import loaded
from bench.registry import Registry, body, registry
from muster import Discovery

REPLICAS = 3
PER_HOST = 4
ADDRESSES = {"z0": "127.0.5.1", "z1": "127.0.5.2", "z2": "127.0.5.3"}
DOOMED = "z2"
TTL_S = 30.0
PATIENCE_S = 60.0
LOOK_S = 0.005


class Size(Struct, frozen=True):
    """`readers` of each replica."""

    hosts: int
    readers: int


SIZES = {"full": Size(500, 5), "quick": Size(500, 3), "tiny": Size(6, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    doors = {zone: socket.create_server((address, 0), backlog=4096) for zone, address in ADDRESSES.items()}
    with running_etcd() as etcd, ExitStack() as stack:
        etcd.fill("third", loaded(_bodies(size, doors)))
        ours = [stack.enter_context(registry(store=etcd.store("third"))) for _ in range(REPLICAS)]
        took = uvloop.run(_scenario(ours, size, doors))
    lost = sum(PER_HOST for host in range(size.hosts) if _zone(host) == DOOMED)
    return [
        Number(
            f"{lost} of {size.hosts * PER_HOST} instances killed with their hosts -> all watchers on all replicas agree",
            (took[-1],),
            "s",
            at_most=1,
            beside=f"the first of {len(took)} after {took[0]:.2f} s",
        )
    ]


def _zone(host: int) -> str:
    return f"z{host % 3}"


def _ids(host: int) -> list[str]:
    return [f"h{host}-{n}" for n in range(PER_HOST)]


def _bodies(size: Size, doors: dict[str, socket.socket]) -> Iterator[dict[str, Any]]:
    for host in range(size.hosts):
        for id in _ids(host):
            zone = _zone(host)
            port = doors[zone].getsockname()[1]
            yield body(host, "web", instance_id=id, zone=zone, host=ADDRESSES[zone], port=port, ttl=TTL_S)


async def _scenario(ours: Sequence[Registry], size: Size, doors: dict[str, socket.socket]) -> list[float]:
    """Seconds until each watcher knows, in order."""
    fleets, silent = [Fleet(each.address) for each in ours], set[str]()
    for zone, door in doors.items():
        await fleets[0].open_door(zone, door)
    async with asyncio.TaskGroup() as group:
        beating = [
            group.create_task(fleet.beat(ids, len(ids) / (TTL_S / 3), silent))
            for number, fleet in enumerate(fleets)
            if (ids := [id for host in _hosts(number, size) for id in _ids(host)])
        ]
        for number, fleet in enumerate(fleets):
            for zone in ADDRESSES:
                carried = [_ids(host) for host in _hosts(number, size) if _zone(host) == zone]
                await fleet.carry_sessions(zone, carried)
        await asyncio.to_thread(_until_reached, ours, size)
        with ExitStack() as stack:
            readers = [
                stack.enter_context(Discovery(each.url, ["web"]))
                for each in ours
                for _ in range(size.readers)
            ]
            for reader in readers:
                await asyncio.to_thread(reader.wait_ready)
            silent.update(id for host in range(size.hosts) if _zone(host) == DOOMED for id in _ids(host))
            telling = asyncio.create_task(asyncio.to_thread(_until_told, readers, size))
            for fleet in fleets:
                fleet.kill(DOOMED)
            took = await telling
        for task in beating:
            task.cancel()
    return took


def _hosts(replica: int, size: Size) -> list[int]:
    """Those that hold their sessions there, a third of each zone."""
    return [host for host in range(size.hosts) if host // 3 % REPLICAS == replica]


def _until_reached(ours: Sequence[Registry], size: Size) -> None:
    """A replica suspects nobody that it has never reached."""
    until = time.monotonic() + PATIENCE_S
    for each in ours:
        for id in (id for host in range(0, size.hosts, 5) for id in _ids(host)):
            while not each.ask("GET", f"/v1/instances/{id}")["reached"]:
                assert time.monotonic() < until, f"{id} is not reached"
                time.sleep(LOOK_S)


def _until_told(readers: Sequence[Discovery], size: Size) -> list[float]:
    began = time.monotonic()
    left = sum(PER_HOST for host in range(size.hosts) if _zone(host) != DOOMED)
    took: dict[Discovery, float] = {}
    while len(took) < len(readers):
        assert time.monotonic() < began + PATIENCE_S, "they do not agree"
        time.sleep(LOOK_S)
        for reader in readers:
            if reader not in took and len(reader.instances("web")) == left:
                took[reader] = time.monotonic() - began
    return sorted(took.values())
