"""One run: three replicas on one store, instances that hop between them, and links that fail, drawn from a seed."""

from __future__ import annotations

import asyncio
from random import Random

from tests.simulation.chronicle import Chronicle, simulated
from tests.simulation.replicas.instance import InstanceHost
from tests.simulation.replicas.oracle import Oracle
from tests.simulation.replicas.replica import STORE, NetworkPeers, ReplicaHost

from muster.registry.layout import INSTANCES
from muster.registry.store import Put, Removed, SharedStore
from muster.storage.memory import MemoryStore
from muster.testing.forgetful import ForgetfulStore
from muster.testing.simulation.loop import VirtualLoop
from muster.testing.simulation.network import Link, Network
from muster.testing.simulation.shared import Central, View

CALM_S = 240.0
"""Links healed: until memberships are back, every grace and lease is over, and every hold of the guard too."""


class World:
    """`forgets`: the share of changes that a replica is never told of, while links fail too; then replicas need not be equal
    before everything has healed."""

    def __init__(self, seed: int, loop: VirtualLoop, peers: type[NetworkPeers], forgets: float = 0.0) -> None:
        self.rng = rng = Random(seed)
        self.loop = loop
        self.peers = peers
        self.forgets = forgets
        self.forgetful = forgets > 0
        self.network = Network(loop, Random(rng.random()))
        self.chronicle = Chronicle(loop)
        self.log, self.broken = self.chronicle.log, self.chronicle.broken
        self._outside = loop.process("outside")
        self.oracle = Oracle(self)
        process = loop.process(STORE)
        self.network.host(STORE).process = process
        store = MemoryStore(rng=Random(rng.random()), history_bytes=rng.choice((2_000, 1 << 20)))
        self.central = Central(loop, process, store, self.oracle.committed)
        self.replicas = {
            f"r{n}": ReplicaHost(self, f"r{n}", 3_600.0 * n) for n in range(1, rng.choice((2, 3, 3)) + 1)
        }
        self.instances = {
            f"i{n}": InstanceHost(
                self,
                f"i{n}",
                rng.choice(("a", "b")),
                ttl=rng.choice((6.0, 15.0, 30.0)),
                hops=rng.random() < 0.6,
            )
            for n in range(rng.randint(3, 8))
        }

    def seen_by(self, replica: ReplicaHost, view: View) -> SharedStore:
        """The store, as that replica is told of it."""

        def forgets(entry: Put | Removed) -> bool:
            lost = entry.key.startswith(INSTANCES) and self.rng.random() < self.forgets
            if lost:
                self.log(f"{replica.life} is not told of {entry.key}")
            return lost

        return ForgetfulStore(view, forgets) if self.forgetful else view

    # --- The run ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises what was broken."""
        await self.chronicle.run(self._outside, self._live())

    async def _live(self) -> None:
        self._outside.spawn(self._look())
        for host in (*self.replicas.values(), *self.instances.values()):
            self._outside.later(self.rng.uniform(0.0, 2.0), host.start)
        await asyncio.sleep(10.0)
        ends = self.loop.time() + self.rng.uniform(60.0, 180.0)
        faults = (
            self._cut,
            self._cut,
            self._slow,
            self._crash,
            self._pause,
            self._kill,
            self._start,
            self._freeze,
        )
        while self.loop.time() < ends:
            self._outside.spawn(self.rng.choice(faults)())
            await asyncio.sleep(self.rng.uniform(0.5, 10.0))
        self.forgets = 0.0
        await asyncio.sleep(50.0 + CALM_S)
        self._release()
        await asyncio.sleep(60.0)
        self.oracle.converged()

    async def _look(self) -> None:
        while not self.forgetful:
            self.oracle.look()
            await asyncio.sleep(0.5)

    def _release(self) -> None:
        """An operator ends the holds that are left."""
        for replica in self.replicas.values():
            for report in replica.serving().guard_report():
                if report.state == "held":
                    replica.serving().release_guard(report.zone)

    # --- What goes wrong, each healing by itself --------------------------------------------------------------------

    def _links(self) -> list[Link]:
        """Between a replica and the store, another replica, or an instance: both ways or one."""
        here = self.rng.choice(sorted(self.replicas))
        there = self.rng.choice(
            [STORE, STORE, *(r for r in sorted(self.replicas) if r != here), *self.instances]
        )
        links = [self.network.link(here, there), self.network.link(there, here)]
        chosen = self.rng.choice((links, links[:1], links[1:]))
        self.log(f"{here} and {there}: {len(chosen)} ways")
        return chosen

    async def _cut(self) -> None:
        links = self._links()
        for link in links:
            link.sever()
        await asyncio.sleep(self.rng.uniform(1.0, 50.0))
        for link in links:
            link.mend()

    async def _slow(self) -> None:
        links, delay = self._links(), self.rng.uniform(0.01, 1.5)
        for link in links:
            link.delay, link.loss = delay, self.rng.uniform(0.0, 0.3)
        await asyncio.sleep(self.rng.uniform(1.0, 50.0))
        for link in links:
            link.delay, link.loss = 0.002, 0.0

    async def _crash(self) -> None:
        replica = self.rng.choice(list(self.replicas.values()))
        self.log(f"{replica.life} is killed")
        replica.kill()
        await asyncio.sleep(self.rng.choice((0.1, 5.0, 40.0)))
        if replica.process is None:
            replica.start()

    async def _pause(self) -> None:
        await self._stand(self.rng.choice(list(self.replicas.values())))

    async def _freeze(self) -> None:
        await self._stand(self.rng.choice(list(self.instances.values())))

    async def _stand(self, host: ReplicaHost | InstanceHost) -> None:
        if (process := host.process) is not None:
            self.log(f"{process.name} stands still")
            process.stand()
            await asyncio.sleep(self.rng.choice((0.7, 8.0, 40.0)))
            process.go_on()

    async def _kill(self) -> None:
        host = self.rng.choice(list(self.instances.values()))
        self.log(f"kill {host.id}")
        host.kill()

    async def _start(self) -> None:
        host = self.rng.choice(list(self.instances.values()))
        if host.process is None:
            self.log(f"start {host.id}")
            host.start()


def simulate(
    seed: int,
    peers: type[NetworkPeers] = NetworkPeers,
    forgets: float = 0.0,
    world: type[World] = World,
) -> World:
    """Run the world of `seed`."""
    again = f"make simulate ARGS='tests/simulation/replicas --seed {seed}'"
    return simulated(lambda loop: world(seed, loop, peers, forgets), again)
