"""A simulated instance whose heartbeats hop from replica to replica."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.instance import LOST

from muster.client.tenure import Tenure
from muster.model import limits
from muster.model.errors import Rejected
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.replicas.world import World


class InstanceHost:
    """`hops`: every message goes to any replica; otherwise only the one after a failure does."""

    def __init__(self, world: World, id: str, zone: str, *, ttl: float, hops: bool) -> None:
        self._world = world
        self._rng = Random(world.rng.random())
        self._starts = 0
        self._at = self._rng.choice(sorted(world.replicas))
        self._hops = hops
        self.id = id
        self.key = f"default/{id}"
        self.zone = zone
        self.what = instance(id, "web", host=id, zone=zone, ttl=ttl)
        self.well = True
        self.process: Process | None = None
        self.died_at = 0.0

    @property
    def incarnation(self) -> str:
        return f"{self.id}/{self._starts}"

    def start(self) -> None:
        self._starts += 1
        self.process = self._world.loop.process(self.id)
        self._world.network.host(self.id).process = self.process
        self.process.spawn(self._keep_registered(Tenure(self._world.loop.time(), self._rng)))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.died_at = self._world.loop.time()

    async def _keep_registered(self, tenure: Tenure) -> None:
        now = self._world.loop.time
        while (deadline := tenure.next_deadline()) is not None:
            await asyncio.sleep(max(deadline - now(), 0.0))
            task = tenure.due(now())
            if self._hops:
                self._at = self._rng.choice(sorted(self._world.replicas))
            try:
                if task is not None:
                    await getattr(self, f"_{task}")(tenure)
            except LOST:
                self._at = self._rng.choice(sorted(self._world.replicas))
                tenure.failed(now())
            except Rejected as refusal:
                self._refused(tenure, refusal)

    async def _register(self, tenure: Tenure) -> None:
        world, there, command = (
            self._world,
            self._world.replicas[self._at],
            register(self.what, self.incarnation),
        )
        entry = await world.network.call(
            self.id, self._at, lambda: there.register(command), limits.CLIENT_REQUEST_S
        )
        world.oracle.registered(self)
        lease = entry.record.instance.lease
        tenure.granted(world.loop.time(), entry.record.generation, lease.interval if lease else None)

    async def _renew(self, tenure: Tenure) -> None:
        world, there = self._world, self._world.replicas[self._at]
        incarnation = self.incarnation
        await world.network.call(
            self.id,
            self._at,
            lambda: there.heartbeat(self.key, tenure.generation, incarnation),
            limits.CLIENT_REQUEST_S,
        )
        tenure.renewed(world.loop.time())

    def _refused(self, tenure: Tenure, refusal: Rejected) -> None:
        self._world.log(f"{self.id} is refused: {refusal.code}")
        match refusal.code:
            case "unknown_instance":
                tenure.unknown(self._world.loop.time())
            case "superseded":
                tenure.supersede()
            case _:
                tenure.failed(self._world.loop.time())
