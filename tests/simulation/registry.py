"""The simulated registry: the real one, in a process that crashes and stands still, on a store that outlives it."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct
from tests.simulation.prober import NetworkProber

from muster.core import commands
from muster.core.guard import Rules
from muster.core.renewal import Renewal
from muster.core.state import Change
from muster.httpapi.frames import LatestFrames
from muster.httpapi.watch import Subscription, Watch
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.clock import Clock
from muster.registry.registry import Registry
from muster.registry.store import Stored, StoreUnavailable
from muster.registry.writer import Decided
from muster.storage.memory import MemoryStore
from muster.testing.simulation.loop import Process
from muster.testing.simulation.network import Pipe
from muster.testing.stores import Fate, Fault, LossyStore
from muster.web.pulse import Pulse
from muster.wire.answers import DrainAnswer

if TYPE_CHECKING:
    from tests.simulation.world import World

    from muster.registry.store import Batch

HOST = "registry"
RULES = Rules(clear=20.0)
"""The guard's, but for a hold that ends sooner: runs are that much shorter."""
REFUSED = {
    Renewal.UNKNOWN: "unknown_instance",
    Renewal.SUPERSEDED: "superseded",
    Renewal.NOT_OWNER: "not_owner",
}


class StoreFaults(Struct):
    """How the store behaves now: probabilities per batch, `down` for all, the longest delay in s."""

    lost_answer: float = 0.0
    lost_batch: float = 0.0
    crash: float = 0.0
    delay: float = 0.0
    down: bool = False


class Stream:
    """A watch stream on a pipe, as `web.stream.Stream` is one on a socket."""

    def __init__(self, host: RegistryHost, watch: Watch) -> None:
        self._host = host
        self._stuck_since = 0.0
        self.watch = watch
        self.pipe: Pipe | None = None

    def beat(self) -> None:
        now = self._host.world.loop.time()
        if self._stuck_since and now - self._stuck_since > limits.STREAM_STALLED_S and self.pipe:
            self.pipe.end()
        else:
            self.watch.beat()

    def full(self) -> None:
        self._stuck_since = self._host.world.loop.time()
        self.watch.full()

    def writable(self) -> None:
        self._stuck_since = 0.0
        self.watch.writable()

    def lost(self) -> None:
        self._host.pulse.remove(self)
        self._host.streams.pop(self.watch.name, None)
        self.watch.close(lost=True)


class RegistryHost:
    """`registry` is the present one, None while none runs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = StoreFaults()
        self.store = MemoryStore(
            rng=Random(world.rng.random()), history_bytes=world.rng.choice((2_000, 1 << 20))
        )
        self.registry: Registry | None = None
        self.process: Process | None = None
        self.pulse: Pulse
        self.streams: dict[str, Stream] = {}
        self.wall_offset = 0.0
        self._names = 0
        self._shared = LatestFrames()
        self._backup: list[Stored] = []

    # --- Life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.process = self.world.loop.process(HOST)
        self.process.spawn(self._live(self.process))

    async def _live(self, process: Process) -> None:
        world = self.world
        view = LossyStore(self.store, self._fate)
        world.spawn(self._die_with(view, process))
        while True:
            registry = Registry(
                view,
                NetworkProber(world, HOST),
                clock=Clock(world.loop.time, self._wall),
                rng=Random(world.rng.random()),
                rules=RULES,
            )
            registry.on_change(partial(self._changed, registry))
            try:
                async with registry.open():
                    self._serve(registry, process)
                    await asyncio.Event().wait()
            except StoreUnavailable:
                await asyncio.sleep(1.0)

    def _serve(self, registry: Registry, process: Process) -> None:
        self.pulse = Pulse(self.world.loop)
        self.streams = {}
        registry.on_reset(self._reset)
        self.registry = registry
        self.world.network.host(HOST).process = process
        self.world.oracle.started(registry)

    def _changed(self, registry: Registry, change: Change, wall: int) -> None:
        """The oracle sees it at the moment it becomes visible."""
        self.world.oracle.changed(registry, change)

    def _reset(self, reason: str) -> None:
        assert self.registry is not None
        self.world.oracle.started(self.registry)
        for stream in list(self.streams.values()):
            stream.watch.reset(reason)

    async def _die_with(self, view: LossyStore, process: Process) -> None:
        await view.crashed.wait()
        if self.process is process:
            self.world.log("the registry crashes between commit and answer")
            self.crash()
            self.world.later(self.world.rng.uniform(0.1, 3.0), self.start)

    def crash(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = self.registry = None
            self.world.network.died(HOST)
            self.world.oracle.crashed()

    def _wall(self) -> float:
        return 1_750_000_000.0 + self.world.loop.time() + self.wall_offset

    # --- The store --------------------------------------------------------------------------------------------------

    def _fate(self, batch: Batch | None) -> Fate:
        faults, rng = self.faults, self.world.rng
        chosen = Fault.REFUSED if faults.down else Fault.NONE
        if batch is not None and not faults.down:
            weights = (faults.lost_answer, faults.lost_batch, faults.crash)
            rest = 1.0 - sum(weights)
            kinds = (Fault.LOST_ANSWER, Fault.LOST_BATCH, Fault.CRASH, Fault.NONE)
            (chosen,) = rng.choices(kinds, (*weights, rest))
        return Fate(chosen, before=rng.uniform(0, faults.delay), after=rng.uniform(0, faults.delay))

    async def back_up(self) -> None:
        self._backup = list((await self.store.load()).records)

    def restore(self, *, empty: bool) -> None:
        self.store.restore([] if empty else self._backup)

    # --- What is asked of it, in its process ------------------------------------------------------------------------

    def _running(self) -> Registry:
        if self.registry is None:
            raise ConnectionRefusedError(HOST)
        return self.registry

    async def register(self, command: commands.Register) -> tuple[Decided, str]:
        registry = self._running()
        decided = await registry.command(command)
        if decided.entry is None:
            raise Unavailable("overloaded", "removed again before it could be answered")
        self.world.oracle.renewed(decided.entry.record.key)
        return decided, registry.epoch

    async def command(self, command: commands.Command) -> Decided:
        return await self._running().command(command)

    async def heartbeat(self, key: str, generation: int) -> None:
        registry = self._running()
        renewal = registry.renew(key, generation, b"")
        if renewal is Renewal.SLOW:
            await registry.revive(key, generation, b"")
        elif renewal is not Renewal.RENEWED:
            raise Rejected(REFUSED[renewal], "as the table says")
        self.world.oracle.renewed(key)

    async def drain(self, command: commands.Drain, wait: float) -> DrainAnswer:
        registry = self._running()
        decided = await registry.command(command)
        assert decided.entry is not None
        answer = await registry.subscribers.drained(decided.entry.service, decided.entry.revision, wait)
        if answer.safe:
            self.world.oracle.drained(decided.entry, set(self.streams))
        return answer

    async def report(self, key: str, source: str) -> None:
        self._running().report(key, 0, source)

    async def acknowledge(self, subscriber: str, service: str, revision: int) -> None:
        registry = self._running()
        key = self.world.key(service)
        registry.subscribers.acknowledged(subscriber, key, revision)

    async def watch(self, asked: Subscription, reader: str, take: Reader) -> Opened:
        registry, process = self._running(), self.process
        assert process is not None
        self._names += 1
        stream = Stream(self, Watch(registry, self._shared, asked, f"s{self._names}", reader))
        stream.pipe = pipe = Pipe(
            process,
            take.process,
            received=take.received,
            lost=stream.lost,
            full=stream.full,
            writable=stream.writable,
        )
        take.pipe = pipe
        self.world.network.open(HOST, reader, pipe)
        self.streams[stream.watch.name] = stream
        self.pulse.add(stream)
        stream.watch.open(pipe.write)
        return Opened(registry.epoch, stream.watch.name)


class Opened(Struct):
    epoch: str
    subscriber: str


class Reader:
    """The reading end of a stream. What arrives after `close` is answered by its kernel: nobody reads here."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self.pipe: Pipe | None = None
        self._closed = False

    def received(self, data: bytes) -> None:
        if not self._closed:
            self.arrived.put_nowait(data)
        elif self.pipe is not None:
            self.pipe.end()

    async def read(self) -> bytes:
        """b"" at the end. Raises TimeoutError after the silence that a reader takes for one."""
        async with asyncio.timeout(limits.STREAM_SILENCE_S):
            return await self.arrived.get()

    def close(self) -> None:
        self._closed = True
        if self.pipe is not None:
            self.pipe.end()
