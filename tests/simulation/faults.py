"""What goes wrong, and how it heals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tests.simulation.registry import HOST, RULES, StoreFaults

from muster.core import commands
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.testing.simulation.network import Link

if TYPE_CHECKING:
    from tests.simulation.instance import InstanceHost
    from tests.simulation.world import World

HEAL_S = 55.0
"""The longest fault, so that the last one of a chaos is over."""
BOUND_S = 45.0
"""After that long in peace the dead have left, unless the guard holds: the longest lease, and a restart's delay."""
CALM_S = 2 * RULES.clear + 60.0
"""Until every hold has ended for those of whom something is seen, and the longest lease after that."""
LAST_S = 40.0
"""Until an operator's release, and the leases it exposes, are through."""

Fault = Callable[[], Coroutine[Any, Any, None] | None]


class Faults:
    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self._faults: tuple[tuple[Fault, int], ...] = (
            (self._kill, 4),
            (self._power_off, 2),
            (self._start, 6),
            (self._stand_still, 3),
            (self._to_the_brink, 5),
            (self._sicken, 2),
            (self._leave, 2),
            (self._cut_off, 4),
            (self._slow_link, 3),
            (self._firewall, 1),
            (self._break_session, 3),
            (self._break_stream, 3),
            (self._stop_caller, 2),
            (self._restart_caller, 1),
            (self._crash_registry, 3),
            (self._pause_registry, 2),
            (self._trouble_store, 4),
            (self._step_wall_clock, 1),
            (self._operate, 3),
        )

    # --- Phases -----------------------------------------------------------------------------------------------------

    async def chaos(self, seconds: float) -> None:
        """Faults one upon another, each healing by itself."""
        faults, weights = zip(*self._faults, strict=True)
        ends = self._world.loop.time() + seconds
        while self._world.loop.time() < ends:
            (fault,) = self._rng.choices(faults, weights)
            work = fault()
            if work is not None:
                self._world.spawn(work)
            await asyncio.sleep(self._rng.uniform(0.5, 10.0))

    async def calm(self) -> None:
        """Everything heals; who is dead stays dead."""
        await asyncio.sleep(HEAL_S)
        self._log("calm")
        self._world.registry.faults = StoreFaults()
        await asyncio.sleep(BOUND_S)
        self._world.oracle.bounded(BOUND_S)
        await asyncio.sleep(CALM_S - BOUND_S)
        registry = self._world.registry.registry
        assert registry is not None
        zones = [report.zone for report in registry.guard_report() if report.state == "held"]
        for zone in zones:
            self._log(f"an operator ends the hold of {zone}")
            registry.release_guard(zone)
        await asyncio.sleep(LAST_S)

    async def nothing(self) -> None:
        """Not everything is a fault."""

    async def blindness(self) -> None:
        """The registry is cut off from everybody; meanwhile it may even crash or stand still."""
        links = [self._world.network.link(*ends) for ends in self._world.registry_links()]
        if len({host.key for host in self._world.instances.values() if host.alive}) < limits.GUARD_MINIMUM:
            return
        self._log("blind")
        self._world.oracle.protect()
        for link in links:
            if self._rng.random() < 0.3:
                await asyncio.sleep(self._rng.uniform(0.0, 1.0))
            link.sever()
        seconds = self._rng.uniform(90.0, 150.0)
        worse = self._rng.choice((self._nothing_worse, self._crash_registry, self._pause_registry))
        work = worse()
        if work is not None:
            self._world.spawn(work)
        await asyncio.sleep(seconds)
        self._log("sight returns")
        for link in links:
            link.mend()
        await asyncio.sleep(60.0)
        self._world.oracle.unprotect()

    def _nothing_worse(self) -> None:
        pass

    async def lying_firewall(self) -> None:
        """Something refuses in the place of a zone that goes on renewing; sessions break as well."""
        zone = self._rng.choice([host.zone for host in self._world.instances.values()])
        there = [host for host in self._world.instances.values() if host.zone == zone and host.alive]
        if len(there) < 2 * limits.GUARD_MINIMUM:
            return
        self._log(f"a firewall refuses for {zone}, which goes on")
        for host in there:
            self._world.network.host(host.id).firewall = True
            host.break_session()
        await asyncio.sleep(limits.LEASE_TTL_S)
        for _ in range(10):
            self._world.oracle.listed(there)
            await asyncio.sleep(3.0)
        for host in there:
            self._world.network.host(host.id).firewall = False

    async def lost_history(self) -> None:
        """The registry comes back with an older store, or an empty one."""
        host = self._world.registry
        await host.back_up()
        await asyncio.sleep(self._rng.uniform(0.0, 30.0))
        empty = self._rng.random() < 0.5
        self._log(f"the store is restored {'empty' if empty else 'older'}")
        self._world.oracle.keep()
        alive = self._rng.random() < 0.5
        if not alive:
            host.crash()
        host.restore(empty=empty)
        if not alive:
            host.start()
        await asyncio.sleep(2 * limits.LEASE_TTL_S)
        self._world.oracle.let_go()

    # --- Instances --------------------------------------------------------------------------------------------------

    def _one(self, *, alive: bool) -> InstanceHost | None:
        found = [host for host in self._world.instances.values() if host.alive is alive]
        return self._rng.choice(found) if found else None

    def _kill(self) -> None:
        if host := self._one(alive=True):
            self._log(f"kill {host.id}")
            host.kill()

    async def _power_off(self) -> None:
        """The machine: no packet comes back, and nobody says goodbye."""
        if host := self._one(alive=True):
            self._log(f"power off {host.id}")
            self._world.network.host(host.id).up = False
            for link in self._links_of(host.id):
                link.sever()
            host.kill()
            await asyncio.sleep(self._rng.uniform(5.0, 50.0))
            for link in self._links_of(host.id):
                link.mend()

    def _start(self) -> None:
        host = self._one(alive=False)
        if host is not None and not any(link.cut for link in self._links_of(host.id)):
            self._log(f"start {host.id}")
            host.start()

    async def _stand_still(self) -> None:
        host = self._one(alive=True)
        if host is not None and host.process is not None:
            process, seconds = host.process, self._rng.uniform(1.0, 50.0)
            self._log(f"{host.id} stands still for {seconds:.1f} s")
            process.stand()
            await asyncio.sleep(seconds)
            process.go_on()

    async def _to_the_brink(self) -> None:
        """An instance comes back at the very moment its lease ends, with the store slow or silent."""
        host, registry = self._one(alive=True), self._world.registry
        lease = registry.registry and host and registry.registry.machine.leases.get(host.key)
        if not (host and host.process and lease and registry.registry):
            return
        process, store = host.process, registry.faults
        self._log(f"{host.id} stands still until its lease ends")
        process.stand()
        await asyncio.sleep(max(lease.expires_at - registry.registry.now() - 0.5, 0.0))
        registry.faults = self._rng.choice(
            (StoreFaults(delay=2.0), StoreFaults(lost_answer=0.6, lost_batch=0.2, delay=0.3), store)
        )
        self._world.spawn(
            self._amend(
                self._rng.choice(list(self._world.instances.values())), {"weight": self._rng.randrange(99)}
            )
        )
        await asyncio.sleep(self._rng.uniform(0.2, 2.0))
        process.go_on()
        await asyncio.sleep(3.0)
        registry.faults = StoreFaults()

    async def _sicken(self) -> None:
        if host := self._one(alive=True):
            self._log(f"{host.id} is not well")
            host.well = False
            await asyncio.sleep(self._rng.uniform(1.0, 50.0))
            host.well = True

    async def _leave(self) -> None:
        if host := self._one(alive=True):
            self._log(f"{host.id} leaves")
            await host.leave()

    def _break_session(self) -> None:
        if host := self._one(alive=True):
            self._log(f"the session of {host.id} breaks")
            host.break_session()

    # --- The network ------------------------------------------------------------------------------------------------

    def _links_of(self, name: str) -> list[Link]:
        network = self._world.network
        return [network.link(name, HOST), network.link(HOST, name)]

    async def _cut_off(self) -> None:
        """One or both ways between somebody and the registry."""
        name = self._rng.choice([*self._world.instances, *self._world.readers])
        links = self._links_of(name)
        cut = self._rng.choice((links, links[:1], links[1:]))
        self._log(
            f"{name} is cut off: {['both ways', 'from it', 'to it'][(links, links[:1], links[1:]).index(cut)]}"
        )
        for link in cut:
            link.sever()
        await asyncio.sleep(self._rng.uniform(1.0, 50.0))
        for link in cut:
            link.mend()

    async def _slow_link(self) -> None:
        name = self._rng.choice([*self._world.instances, *self._world.readers])
        delay, loss = self._rng.uniform(0.01, 1.0), self._rng.uniform(0.0, 0.3)
        self._log(f"{name} is {delay:.2f} s away, {loss:.0%} late")
        for link in self._links_of(name):
            link.delay, link.loss = delay, loss
        await asyncio.sleep(self._rng.uniform(1.0, 50.0))
        for link in self._links_of(name):
            link.delay, link.loss = 0.002, 0.0

    async def _firewall(self) -> None:
        """Something refuses in the place of a whole zone."""
        zone = self._rng.choice([host.zone for host in self._world.instances.values()])
        self._log(f"a firewall refuses for {zone}")
        hosts = [self._world.network.host(h.id) for h in self._world.instances.values() if h.zone == zone]
        for host in hosts:
            host.firewall = True
        await asyncio.sleep(self._rng.uniform(5.0, 50.0))
        for host in hosts:
            host.firewall = False

    # --- Callers ----------------------------------------------------------------------------------------------------

    def _break_stream(self) -> None:
        self._rng.choice(list(self._world.readers.values())).break_stream()

    async def _stop_caller(self) -> None:
        reader = self._rng.choice(list(self._world.readers.values()))
        if reader.process is not None:
            process, seconds = reader.process, self._rng.uniform(1.0, 40.0)
            self._log(f"{reader.name} stands still for {seconds:.1f} s")
            process.stand()
            await asyncio.sleep(seconds)
            process.go_on()

    def _restart_caller(self) -> None:
        reader = self._rng.choice(list(self._world.readers.values()))
        self._log(f"{reader.name} starts again")
        reader.kill()
        reader.start()

    # --- The registry -----------------------------------------------------------------------------------------------

    async def _crash_registry(self) -> None:
        host = self._world.registry
        if host.process is not None:
            self._log("the registry is killed")
            host.crash()
            await asyncio.sleep(self._rng.choice((0.1, 2.0, 40.0)))
            if host.process is None:
                host.start()

    async def _pause_registry(self) -> None:
        process, seconds = self._world.registry.process, self._rng.choice((0.7, 5.0, 40.0))
        if process is not None:
            self._log(f"the registry stands still for {seconds} s")
            process.stand()
            await asyncio.sleep(seconds)
            process.go_on()

    async def _trouble_store(self) -> None:
        rng, host = self._rng, self._world.registry
        host.faults = rng.choice(
            (
                StoreFaults(lost_answer=0.3, lost_batch=0.2, delay=0.1),
                StoreFaults(delay=1.5),
                StoreFaults(down=True),
                StoreFaults(crash=0.3),
            )
        )
        self._log(f"the store: {host.faults}")
        await asyncio.sleep(rng.uniform(1.0, 40.0))
        host.faults = StoreFaults()

    async def _step_wall_clock(self) -> None:
        self._world.registry.wall_offset = self._rng.choice((-3_600.0, 3_600.0))
        self._log(f"wall clock {self._world.registry.wall_offset:+g} s")
        await asyncio.sleep(30.0)
        self._world.registry.wall_offset = 0.0

    async def _operate(self) -> None:
        """An operator takes an instance out and puts it back, or changes its weight."""
        host = self._rng.choice(list(self._world.instances.values()))
        for change in self._rng.choice(([{"override": "out_of_service"}, {"override": ""}], [{"weight": 7}])):
            await self._amend(host, change)
            await asyncio.sleep(self._rng.uniform(0.0, 10.0))
        await self._put_back(host)

    async def _amend(self, host: InstanceHost, change: dict[str, Any]) -> None:
        registry, wall = self._world.registry, 1
        try:
            await self._world.network.call(
                "operator",
                HOST,
                lambda: registry.command(commands.Amend(host.key, 0, b"", wall, **change)),
                5.0,
            )
        except (Rejected, Unavailable, TimeoutError, ConnectionError) as error:
            self._log(f"the operator is told {error!r}")

    async def _put_back(self, host: InstanceHost) -> None:
        """An operator does not forget: until it is told that the override is off."""
        registry = self._world.registry
        while True:
            try:
                await self._world.network.call(
                    "operator",
                    HOST,
                    lambda: registry.command(commands.Amend(host.key, 0, b"", 1, override="")),
                    5.0,
                )
            except Rejected:
                return
            except (Unavailable, TimeoutError, ConnectionError):
                await asyncio.sleep(5.0)
            else:
                return

    def _log(self, text: str) -> None:
        self._world.log(text)
