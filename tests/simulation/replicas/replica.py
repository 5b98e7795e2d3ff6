"""A simulated replica: the real registry on the shared store, its peers a simulated network away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, TypeVar

from tests.simulation.prober import NetworkProber
from tests.simulation.registry import REFUSED, RULES

from muster.core import commands
from muster.core.renewal import Renewal
from muster.core.state import Change, Entry
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.clock import Clock
from muster.registry.registry import Registry
from muster.registry.replicas.port import (
    Compared,
    Comparison,
    Heard,
    Inquiry,
    Member,
    PeerUnreachable,
    Shared,
    Standing,
)
from muster.registry.store import StoreUnavailable
from muster.testing.simulation.loop import Process
from muster.testing.simulation.shared import View
from muster.wire.answers import DrainAnswer

if TYPE_CHECKING:
    from tests.simulation.replicas.world import World

T = TypeVar("T")
STORE = "store"


class ReplicaHost:
    """`registry` is the present one, None while none serves. Wall clocks of replicas are an hour apart."""

    def __init__(self, world: World, name: str, wall_offset: float) -> None:
        self._world = world
        self._wall_offset = wall_offset
        self._starts = 0
        self.name = name
        self.process: Process | None = None
        self.registry: Registry | None = None

    def __repr__(self) -> str:
        return f"<ReplicaHost {self.name} {self.process}>"

    @property
    def life(self) -> str:
        return f"{self.name}/{self._starts}"

    @property
    def live(self) -> bool:
        """It runs, and the store counts it in."""
        running = self.process is not None and self.process.state == "running"
        registry = self.registry
        return (
            running
            and registry is not None
            and registry.replicas is not None
            and registry.replicas.membership.proven()
        )

    def start(self) -> None:
        self._starts += 1
        self.process = self._world.loop.process(self.name)
        self._world.network.host(self.name).process = self.process
        self.process.spawn(self._live())

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = self.registry = None
            self._world.network.died(self.name)

    async def _live(self) -> None:
        world = self._world
        while True:
            view = world.seen_by(
                self, View(world.central, world.network, self.name, STORE, Random(world.rng.random()))
            )
            registry = Registry(
                view,
                NetworkProber(world, self.name),  # type: ignore[arg-type]
                clock=Clock(world.loop.time, self._wall),
                rng=Random(world.rng.random()),
                rules=RULES,
                shared=Shared(view, Member(self.name, self.name, self.life), world.peers(world, self.name)),
            )
            registry.on_change(self._changed)
            try:
                async with registry.open():
                    self.registry = registry
                    world.log(f"{self.life} serves {registry.revision}")
                    await asyncio.Event().wait()
            except StoreUnavailable:
                await asyncio.sleep(1.0)

    def _wall(self) -> float:
        return 1_750_000_000.0 + self._world.loop.time() + self._wall_offset

    def _changed(self, change: Change, wall: int) -> None:
        self._world.oracle.changed(self, change)

    # --- What is asked of it, in its process ------------------------------------------------------------------------

    def serving(self) -> Registry:
        if self.registry is None:
            raise ConnectionRefusedError(self.name)
        return self.registry

    async def register(self, command: commands.Register) -> Entry:
        decided = await self.serving().command(command)
        if decided.entry is None:
            raise Unavailable("overloaded", "removed again before it could be answered")
        return decided.entry

    async def heartbeat(self, key: str, generation: int, incarnation: str) -> None:
        registry = self.serving()
        renewal = registry.renew(key, generation, b"")
        if renewal is Renewal.SLOW:
            await registry.revive(key, generation, b"")
        elif renewal is not Renewal.RENEWED:
            raise Rejected(REFUSED[renewal], "as the table says")
        self._world.oracle.heard(self, key, incarnation)

    async def asked(self, inquiry: Inquiry) -> Heard:
        replicas = self.serving().replicas
        assert replicas is not None
        return replicas.asked(inquiry)

    async def compared(self, comparison: Comparison) -> Compared:
        replicas = self.serving().replicas
        assert replicas is not None
        return await replicas.agreement.asked(comparison)


class NetworkPeers:
    """Implements `muster.registry.replicas.port.Peers` for the replica on `here`."""

    def __init__(self, world: World, here: str) -> None:
        self._world = world
        self._here = here

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        there = self._world.replicas[member.name]
        return await self._call(member, lambda: there.asked(inquiry))

    async def compare(self, member: Member, comparison: Comparison) -> Compared:
        there = self._world.replicas[member.name]
        return await self._call(member, lambda: there.compared(comparison))

    async def standing(self, member: Member) -> Standing:
        raise PeerUnreachable("nobody asks for it here")

    async def drained(
        self, member: Member, namespace: str, service: str, revision: int, wait: float
    ) -> DrainAnswer:
        raise PeerUnreachable("nobody drains here")

    async def _call(self, member: Member, handler: Callable[[], Awaitable[T]]) -> T:
        network = self._world.network
        try:
            if self._world.rng.random() < 0.05:  # it arrives twice, and the first answer is nobody's
                network.wires.spawn(self._forgotten(member, handler))
            return await network.call(self._here, member.url, handler, limits.ASK_TIMEOUT_S)
        except (TimeoutError, ConnectionError, Unavailable) as error:
            raise PeerUnreachable(repr(error)) from None

    async def _forgotten(self, member: Member, handler: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._world.network.call(self._here, member.url, handler, limits.ASK_TIMEOUT_S)
        except (TimeoutError, ConnectionError, Unavailable):
            pass
