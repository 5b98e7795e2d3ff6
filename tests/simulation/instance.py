"""A simulated instance: a server and its registrar on a host of their own, with a clock that runs a little fast or slow."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.registry import HOST, Reader

from muster.client.tenure import Tenure
from muster.core import commands
from muster.httpapi.watch import Session, Subscription
from muster.model import limits
from muster.model.check import Check
from muster.model.errors import Rejected, Unavailable
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import Process
from muster.wire.filters import DEFAULT

if TYPE_CHECKING:
    from tests.simulation.world import World

LOST = (TimeoutError, ConnectionError, Unavailable)


class InstanceHost:
    """`alive`: a process runs and listens. `well`: its health endpoint says so. `gone`: it left by its own wish."""

    def __init__(
        self, world: World, id: str, service: str, zone: str, *, ttl: float, checks: tuple[Check, ...]
    ) -> None:
        self._world = world
        self._rng = Random(world.rng.random())
        self._drift = self._rng.uniform(0.97, 1.03)
        self._starts = 0
        self._tenure = Tenure(0.0, self._rng)
        self._granted = asyncio.Event()
        self._session: Reader | None = None
        self.id = id
        self.zone = zone
        self.what = instance(id, service, host=id, zone=zone, ttl=ttl, checks=checks)
        self.key = f"default/{id}"
        self.process: Process | None = None
        self.well = True
        self.gone = False
        self.died_at = 0.0

    def __repr__(self) -> str:
        return f"<InstanceHost {self.id} {self.process} {self._tenure}>"

    @property
    def alive(self) -> bool:
        return self.process is not None

    @property
    def incarnation(self) -> str:
        return f"{self.id}/{self._starts}"

    # --- Life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._starts += 1
        self.gone = False
        self._tenure = Tenure(self._now(), self._rng)
        self._granted = asyncio.Event()
        self.process = self._world.loop.process(self.id)
        self._world.network.host(self.id).process = self.process
        self._world.network.host(self.id).up = True
        self.process.spawn(self._keep_registered())
        self.process.spawn(self._keep_session())

    def kill(self) -> None:
        """SIGKILL: the host refuses in its place, and says goodbye to its connections."""
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.died_at = self._world.loop.time()
            self._world.network.died(self.id)

    def break_session(self) -> None:
        if self._session is not None:
            self._session.close()

    def _now(self) -> float:
        return self._world.loop.time() * self._drift

    # --- The registration -------------------------------------------------------------------------------------------

    async def _keep_registered(self) -> None:
        tenure = self._tenure
        while (deadline := tenure.next_deadline()) is not None:
            await asyncio.sleep(max(deadline - self._now(), 0.0) / self._drift)
            task = tenure.due(self._now())
            try:
                if task is not None:
                    await getattr(self, f"_{task}")(tenure)
            except LOST:
                tenure.failed(self._now())
            except Rejected as refusal:
                self._refused(tenure, refusal)

    async def _register(self, tenure: Tenure) -> None:
        command = register(self.what, self.incarnation)
        decided, epoch = await self._call(lambda: self._world.registry.register(command))
        assert decided.entry is not None
        record = decided.entry.record
        self._world.oracle.acknowledged(self, record, epoch)
        lease = record.instance.lease
        tenure.granted(self._now(), record.generation, lease.interval if lease else None)
        self._granted.set()

    async def _renew(self, tenure: Tenure) -> None:
        await self._call(lambda: self._world.registry.heartbeat(self.key, tenure.generation))
        tenure.renewed(self._now())

    async def _withdraw(self, tenure: Tenure) -> None:
        await self._call(
            lambda: self._world.registry.command(commands.Deregister(self.key, tenure.generation, b""))
        )
        tenure.leave()

    def _refused(self, tenure: Tenure, refusal: Rejected) -> None:
        self._world.log(f"{self.id} is refused: {refusal.code}")
        match refusal.code:
            case "unknown_instance":
                tenure.unknown(self._now())
            case "superseded":
                tenure.supersede()
            case _:
                tenure.failed(self._now())

    async def leave(self) -> None:
        """Drain, wait until that is known, deregister, exit."""
        process, tenure = self.process, self._tenure
        if process is not None and tenure.state == "registered":
            await process.spawn(self._leave(tenure))
            if self.process is process:
                self.kill()

    async def _leave(self, tenure: Tenure) -> None:
        self._world.oracle.leaving(self)
        self.gone = True
        tenure.drain()
        command = commands.Drain(self.key, tenure.generation, b"", 1)
        for step in (
            lambda: self._world.registry.drain(command, limits.DRAIN_WAIT_S),
            lambda: self._world.registry.command(commands.Deregister(self.key, tenure.generation, b"")),
        ):
            try:
                await self._call(step, 2 * limits.CLIENT_REQUEST_S)
            except (*LOST, Rejected) as error:
                self._world.log(f"{self.id} leaves all the same: {error!r}")
        tenure.leave()

    async def _call(self, handler, seconds: float = limits.CLIENT_REQUEST_S):  # type: ignore[no-untyped-def]
        return await self._world.network.call(self.id, HOST, handler, seconds)

    # --- The session ------------------------------------------------------------------------------------------------

    async def _keep_session(self) -> None:
        await self._granted.wait()
        while not self._tenure.over:
            process = self.process
            assert process is not None
            self._session = reader = Reader(process)
            try:
                await self._call(partial(self._open, reader))
                while await reader.read():
                    pass
            except (*LOST, Rejected):
                pass
            finally:
                reader.close()
            await asyncio.sleep(self._rng.uniform(0.05, 1.0))

    async def _open(self, reader: Reader) -> None:
        session = Session(self.key, self._tenure.generation)
        asked = Subscription((), DEFAULT, (session,), acknowledges=False, after=None)
        await self._world.registry.watch(asked, self.id, reader)
