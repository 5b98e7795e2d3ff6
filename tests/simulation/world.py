"""One run: a registry, instances in zones, callers, and everything that goes wrong, drawn from a seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from tests.simulation.chronicle import Chronicle, simulated
from tests.simulation.faults import Faults
from tests.simulation.instance import InstanceHost
from tests.simulation.oracle import Oracle
from tests.simulation.reader import ReaderHost
from tests.simulation.registry import HOST, RegistryHost

from muster.core.state import ServiceKey
from muster.testing.builders import http_check
from muster.testing.simulation.loop import VirtualLoop
from muster.testing.simulation.network import Network

SERVICES = ("web", "api")


class World:
    def __init__(self, seed: int, loop: VirtualLoop) -> None:
        self.rng = rng = Random(seed)
        self.loop = loop
        self.network = Network(loop, Random(rng.random()))
        self.chronicle = Chronicle(loop)
        self.log, self.broken = self.chronicle.log, self.chronicle.broken
        self._outside = loop.process("outside")
        self.oracle = Oracle(self)
        self.registry = RegistryHost(self)
        self.instances = {host.id: host for host in self._instances()}
        self.readers = {
            name: ReaderHost(self, name, SERVICES) for name in ("caller-1", "caller-2", "caller-3")
        }

    def _instances(self) -> list[InstanceHost]:
        rng, zones = self.rng, ("a", "b", "c")[: self.rng.randint(1, 3)]
        return [
            InstanceHost(
                self,
                f"i{n}",
                rng.choice(SERVICES),
                rng.choice(zones),
                ttl=rng.choice((6.0, 15.0, 30.0)),
                checks=(http_check(interval=rng.choice((2.0, 10.0)), timeout=1.0),)
                if rng.random() < 0.3
                else (),
            )
            for n in range(rng.randint(4, 10))
        ]

    # --- Around it --------------------------------------------------------------------------------------------------

    @staticmethod
    def key(service: str) -> ServiceKey:
        return ServiceKey("default", service)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        self._outside.spawn(work)

    def later(self, delay: float, call: Callable[..., object], *args: object) -> None:
        self._outside.later(delay, call, *args)

    # --- The run ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises what was broken."""
        await self.chronicle.run(self._outside, self._live())

    async def _live(self) -> None:
        self.registry.start()
        for host in (*self.instances.values(), *self.readers.values()):
            self.later(self.rng.uniform(0.0, 2.0), host.start)
        faults = Faults(self)
        await asyncio.sleep(10.0)
        for _ in range(self.rng.randint(1, 2)):
            await faults.chaos(self.rng.uniform(30.0, 120.0))
            await faults.calm()
            self.oracle.converged()
            await self.rng.choice(
                (faults.blindness, faults.lost_history, faults.lying_firewall, faults.nothing)
            )()
            await faults.calm()
            self.oracle.converged()

    def registry_links(self) -> list[tuple[str, str]]:
        others = [*self.instances, *self.readers]
        return [(HOST, other) for other in others] + [(other, HOST) for other in others]


def simulate(seed: int) -> World:
    """Run the world of `seed`."""
    return simulated(lambda loop: World(seed, loop), f"make simulate ARGS='--seed {seed}'")
