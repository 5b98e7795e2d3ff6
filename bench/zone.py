"""A zone played by one process at an address of its own: every instance listens at its own port and answers, holds its session and
renews. `python -m bench.zone PLAN`, until its input ends.

The sessions of a host's instances share a stream, as those of one program would; what a host says goes to one of the registries.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

from bench import cores
from bench.fleet import Fleet

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"
READY = b"ready\n"


class Plan(Struct, frozen=True):
    """`hosts` of the zone called `name`: the ids on each. The nth id listens at `first_port` + n. `interval`: of heartbeats (s)."""

    name: str
    address: str
    first_port: int
    hosts: list[list[str]]
    registries: list[tuple[str, int]]
    interval: float


class Shop(asyncio.Protocol):
    """An instance: whatever it is asked, it answers 200. Requests have no bodies."""

    def __init__(self) -> None:
        self._heads = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._heads = (self._heads + data).split(END_OF_HEAD)
        self._transport.write(ANSWER * len(heads))


async def play(plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    for port, _ in enumerate((id for host in plan.hosts for id in host), plan.first_port):
        await loop.create_server(Shop, plan.address, port)
    beating = []
    for number, registry in enumerate(plan.registries):
        fleet, hosts = Fleet(registry, plan.address), plan.hosts[number :: len(plan.registries)]
        if ids := [id for host in hosts for id in host]:
            beating.append(asyncio.create_task(fleet.beat(ids, len(ids) / plan.interval, set())))
            await fleet.carry_sessions(plan.name, hosts)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    for task in beating:
        task.cancel()


if __name__ == "__main__":
    cores.raise_descriptors()
    uvloop.run(play(msgspec.json.decode(sys.argv[1], type=Plan)))
