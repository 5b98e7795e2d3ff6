"""Two registries on one store, in virtual time: what one commits the other is told, unless it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from muster.core.state import ServiceKey
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
from muster.registry.store import Put, Removed
from muster.storage.memory import MemoryStore
from muster.testing.forgetful import ForgetfulStore
from muster.testing.prober import ScriptedProber
from muster.testing.simulation.loop import VirtualLoop
from muster.testing.simulation.network import Network
from muster.testing.simulation.shared import Central, View
from muster.wire.answers import DrainAnswer

STORE = "store"
JOINED_S = 5.0


class Pair:
    """`registries` by name. `cut` are those that the others cannot reach; `forgets` decides what `b` is never told."""

    def __init__(self, forgets: Callable[[Put | Removed], bool]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop, process = loop, loop.process(STORE)
        self.network = Network(loop, Random(1))
        self.network.host(STORE).process = process
        self.central = Central(loop, process, MemoryStore(rng=Random(1)), lambda batch: None)
        self.registries: dict[str, Registry] = {}
        self.stores: dict[str, ForgetfulStore] = {}
        self.cut: set[str] = set()
        self._forgets = forgets

    def registry(self, name: str, start: str = "") -> Registry:
        loop, rng = asyncio.get_running_loop(), Random(name)
        view = View(self.central, self.network, name, STORE, rng)
        store = self.stores[name] = ForgetfulStore(view, self._forgets if name == "b" else _nothing)
        return Registry(
            store,
            ScriptedProber(),
            clock=Clock(loop.time, lambda: 1_750_000_000 + loop.time()),
            rng=rng,
            shared=Shared(store, Member(name, name, start or name), Directly(self)),
        )

    @asynccontextmanager
    async def living(self, name: str, start: str) -> AsyncIterator[Registry]:
        """In a process of its own, which is killed in the end: it takes no leave of the store."""
        process, opened = self.loop.process(name), asyncio.Event()
        self.network.host(name).process = process

        async def live() -> None:
            async with self.registry(name, start).open() as registry:
                self.registries[name] = registry
                opened.set()
                await asyncio.Event().wait()

        process.spawn(live())
        await opened.wait()
        yield self.registries[name]
        process.kill()
        self.network.died(name)


def deaf(two: Pair, seconds: float = 3600.0) -> Registry:
    """`b` hears nothing of the store for so long."""
    hears = two.stores["b"].hears
    hears.clear()
    asyncio.get_running_loop().call_later(seconds, hears.set)
    return two.registries["b"]


class Directly:
    """Implements `muster.registry.replicas.port.Peers` within one process."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def _there(self, member: Member) -> Registry:
        if member.name in self._pair.cut:
            raise PeerUnreachable(f"{member.name} is cut off")
        return self._pair.registries[member.name]

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        replicas = self._there(member).replicas
        assert replicas
        return replicas.asked(inquiry)

    async def compare(self, member: Member, comparison: Comparison) -> Compared:
        replicas = self._there(member).replicas
        assert replicas
        return await replicas.agreement.asked(comparison)

    async def standing(self, member: Member) -> Standing:
        raise PeerUnreachable("nobody asks for it here")

    async def drained(
        self, member: Member, namespace: str, service: str, revision: int, wait: float
    ) -> DrainAnswer:
        replicas = self._there(member).replicas
        assert replicas
        return await replicas.drained_here(ServiceKey(namespace, service), revision, wait)


def _nothing(entry: Put | Removed) -> bool:
    return False


@asynccontextmanager
async def pair(forgets: Callable[[Put | Removed], bool] = _nothing, names: str = "ab") -> AsyncIterator[Pair]:
    """Both are members of one another's rosters. With other `names`, these live from the beginning."""
    made = Pair(forgets)
    async with AsyncExitStack() as stack:
        for name in names:
            made.registries[name] = await stack.enter_async_context(made.registry(name).open())
        await asyncio.sleep(JOINED_S)
        yield made
    await made.loop.bury()
