"""A world in which one replica comes and goes for ever, as the store sees it, and takes ownership with it each time."""

from __future__ import annotations

import asyncio

from tests.simulation.replicas.replica import STORE, ReplicaHost
from tests.simulation.replicas.world import World

from muster.model import limits

SETTLED_S = 20.0
GONE_S = 240.0
"""A lease of 30 s, and one grace of as much by each of three replicas, twice over."""


class FlappingWorld(World):
    """`memberships` counts how often the replica that flaps lost its own."""

    memberships = 0

    async def _live(self) -> None:
        self._outside.spawn(self._look())
        for host in (*self.replicas.values(), *self.instances.values()):
            self._outside.later(self.rng.uniform(0.0, 2.0), host.start)
        await asyncio.sleep(SETTLED_S)
        dead = self.rng.choice(list(self.instances.values()))
        self._outside.spawn(self._flap(self.rng.choice(list(self.replicas.values()))))
        await asyncio.sleep(self.rng.uniform(0.0, SETTLED_S))
        dead.kill()
        await asyncio.sleep(GONE_S)
        self.oracle.gone(dead)

    async def _flap(self, replica: ReplicaHost) -> None:
        """Cut off from the store for longer than a membership lasts, and back for a moment."""
        links = [self.network.link(replica.name, STORE), self.network.link(STORE, replica.name)]
        while True:
            for link in links:
                link.sever()
            await asyncio.sleep(limits.REPLICA_TTL_S + self.rng.uniform(1.0, 8.0))
            for link in links:
                link.mend()
            await asyncio.sleep(self.rng.uniform(3.0, 12.0))
            self.memberships += 1


class RestartingWorld(FlappingWorld):
    """The replica is killed again and again, and is back before its membership ends: it stays the owner of what it owns, and forgets each
    time who was heard when."""

    async def _flap(self, replica: ReplicaHost) -> None:
        shortest, longest = self.rng.choice(((0.0, 0.03), (0.0, 1.0), (1.0, 3.0), (1.5, 9.0), (1.5, 25.0)))
        while True:
            self.log(f"{replica.life} is killed")
            replica.kill()
            await asyncio.sleep(self.rng.uniform(0.1, 1.0))
            replica.start()
            self.memberships += 1
            await self._joined(replica)
            await asyncio.sleep(self.rng.uniform(shortest, longest))

    async def _joined(self, replica: ReplicaHost) -> None:
        """As the store sees it, whether it is already one that acknowledges or not."""
        while not _is_member(replica):  # noqa: ASYNC110 - it is known to the store first, and nobody waits for that there
            await asyncio.sleep(0.01)


def _is_member(replica: ReplicaHost) -> bool:
    if replica.registry is None or replica.registry.replicas is None:
        return False
    membership = replica.registry.replicas.membership
    return membership.members.get(replica.name) == membership.me
