"""The registry: the core's machine, its store, its timers and its readers, put together. Edges talk to this and nothing below.

Reads and heartbeats are plain calls that never wait. Whatever changes a record is a coroutine, answered when the change is
durable and visible here. Everything runs on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random, SystemRandom
from typing import TypeVar

from muster.core.checks import Tracker
from muster.core.commands import Command, Revive, key_of
from muster.core.feed import Feed
from muster.core.guard import HoldReport, Rules
from muster.core.leases import Renewal
from muster.core.machine import Ask, Machine
from muster.core.state import Change, Entry, ServiceKey, Snapshot
from muster.model import limits
from muster.model import record as records
from muster.model.check import Health, Result
from muster.model.errors import Rejected
from muster.model.record import Record, Status
from muster.model.sharing import Sharing
from muster.registry import readings
from muster.registry.clock import Clock
from muster.registry.drain import Subscribers
from muster.registry.hub import Hub
from muster.registry.outcomes import Outcomes
from muster.registry.policies import Policies
from muster.registry.prober import Finding, Prober
from muster.registry.probing import target_of, urgent
from muster.registry.readings import Figures, Standing
from muster.registry.replicas.port import Shared
from muster.registry.replicas.replicas import Replicas
from muster.registry.seen import Seen
from muster.registry.store import Changes, Compacted, EpochChanged, Put, Store, StoreUnavailable
from muster.registry.waiting import Blocked, within
from muster.registry.writer import STORE_PREFIX, Decided, Writer
from muster.wire.answers import DrainAnswer

T = TypeVar("T")

TICK_S = 0.25
"""The registry looks at the clock at least this often: a longer gap is a pause."""


class Registry:
    """`rng` is for jitter and operation ids; `rules` and `retention` are the operator's; `shared`: others use the store too.
    `async with registry.open():` is its life."""

    def __init__(
        self,
        store: Store,
        prober: Prober,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        rules: Rules = Rules(),
        retention: float = limits.EXPIRED_RETENTION_S,
        propagated: Callable[[float, int], None] = lambda seconds, readers: None,
        shared: Shared | None = None,
    ) -> None:
        self._store = store
        self._prober = prober
        self._clock = clock or Clock()
        self._rng = rng or SystemRandom()
        self.machine = Machine(self._rng, rules, retention=retention)
        self.hub = Hub(asyncio.get_running_loop(), propagated)
        self.subscribers = Subscribers(self.now)
        self.blocked = Blocked(self.hub)
        self._sharing = Sharing()
        self._seen = Seen()
        self.policies = Policies(store, self._seen, self.new_token)
        self.writer = Writer(
            store,
            lambda: self.machine.state,
            self._seen,
            Outcomes(self.machine, self.now),
            self.new_token,
            lambda command: self.replicas.guards(command) if self.replicas else (),
        )
        self.replicas = Replicas(shared, self, self.machine, self._seen) if shared else None
        self._resets: list[Callable[[str], None]] = []
        self._loaded: list[Callable[[], None]] = []
        self._changed: list[Callable[[Change, int], None]] = []
        self._touched: list[Callable[[Collection[ServiceKey]], None]] = []
        self._sooner = asyncio.Event()
        self._next_tick = 0.0
        self.running = False

    # --- Life -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Registry]:
        """Load, then work until the block ends; then finish what was accepted and close the store.

        A bug in one of the registry's tasks ends the block with it, loudly. Raises `StoreUnavailable`.
        """
        await self._load()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._follow_store(), name="tail"),
                    group.create_task(self.writer.run(), name="writer"),
                    group.create_task(self._keep_time(), name="time"),
                ]
                if self.replicas:
                    tasks.append(group.create_task(self.replicas.run(), name="replicas"))
                self.running = True
                try:
                    yield self
                    await self.writer.finish()
                finally:
                    self.running = False
                    if self.replicas:
                        await self.replicas.leave()
                    for task in tasks:
                        task.cancel()
        finally:
            await self._store.close()

    async def _load(self) -> None:
        loaded = await self._store.load()
        decoded = [
            (self._decode(stored.value), stored.revision)
            for stored in loaded.records
            if stored.key.startswith(STORE_PREFIX)
        ]
        self.policies.load(loaded.records)
        self.machine.load(decoded, loaded.revision, loaded.epoch, self.now(), self._clock.wall())
        if self.replicas:
            self.replicas.load(loaded.records)
        self._seen.loaded(loaded.revision, loaded.records)
        for told in self._loaded:
            told()

    async def _follow_store(self) -> None:
        while True:
            async for event in self._store.tail(self.revision):
                match event:
                    case Changes():
                        self._apply(event)
                    case EpochChanged():
                        await self._reload("another history of the store began")
                        break
                    case Compacted():
                        await self._reload("")
                        break

    async def _reload(self, reason: str) -> None:
        """Begin again from the store's content. With a reason, the readers are told that it is another history."""
        known = set(self.machine.state.services())
        epoch = self.epoch
        await self._load_at_last()
        if self.epoch != epoch:
            for reset in list(self._resets):
                reset(reason)
        self._publish(known | set(self.machine.state.services()) | set(self.policies.services()))
        self.look_soon()

    async def _load_at_last(self) -> None:
        """Where the store cannot be read now, what is served grows old meanwhile."""
        while True:
            try:
                return await self._load()
            except StoreUnavailable:
                await asyncio.sleep(limits.STORE_RELOAD_S)

    def _apply(self, event: Changes) -> None:
        writes = [
            (each.key.removeprefix(STORE_PREFIX), self._decode(each.value) if isinstance(each, Put) else None)
            for each in event.entries
            if each.key.startswith(STORE_PREFIX)
        ]
        changes = self.machine.apply(event.revision, writes, self.now(), self._clock.wall())
        steered = self.policies.apply(event.revision, event.entries)
        if self.replicas:
            changes += self.replicas.apply(event)
        self._tell(changes)
        self._publish(dict.fromkeys([*(change.service for change in changes), *steered]))
        self._seen.applied(event.revision, event.op)
        self._pump()

    def _decode(self, value: bytes) -> Record:
        return self._sharing.share(records.decode(value))

    def _tell(self, changes: list[Change]) -> None:
        for note in self._changed:
            for change in changes:
                note(change, self.wall())

    def _publish(self, services: Collection[ServiceKey]) -> None:
        for void in self._touched:
            void(services)
        self.hub.changed(services)

    # --- Time -------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._clock.now()

    def wall(self) -> int:
        return self._clock.wall()

    async def _keep_time(self) -> None:
        """Tick when something is due, and often enough to notice a pause."""
        while True:
            self._tick()
            self._sooner.clear()
            now = self.now()
            wait = min(max(self.machine.next_deadline(now) - now, 0.0), TICK_S)
            self._next_tick = now + wait
            await within(wait, self._sooner)

    def _tick(self) -> None:
        now, wall = self.now(), self.wall()
        if gap := self._clock.pause():
            self.machine.paused(gap, now, wall)
        self.machine.tick(now, wall)
        self._pump()

    def _pump(self) -> None:
        """Do what the machine says has become necessary."""
        if not self.machine.has_work:
            return
        turn = self.machine.take()
        for command in turn.commands:
            self.writer.own(command)
        for ask in turn.asks:
            self._probe(ask)
        if self.replicas and turn.questions:
            self.replicas.ask(turn.questions)

    def _probe(self, ask: Ask) -> None:
        def done(finding: Finding) -> None:
            self.machine.found(ask, finding.answer, finding.detail, self.now(), self._clock.wall())
            self.look_soon()

        self._prober.start(target_of(ask), done, urgent=urgent(ask))

    def look_soon(self) -> None:
        """Something happened that may have work due: look at once, not at the next tick."""
        self._pump()
        if not self._sooner.is_set() and self.machine.next_deadline(self.now()) < self._next_tick:
            self._sooner.set()

    # --- Reads ------------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        return self.machine.state.epoch

    @property
    def revision(self) -> int:
        return self.machine.state.revision

    @property
    def settled(self) -> bool:
        return self.machine.settled(self.now())

    def snapshot(self, service: ServiceKey) -> Snapshot:
        return self.machine.state.snapshot(service)

    def entry(self, key: str) -> Entry | None:
        return self.machine.state.get(key)

    def entries(self) -> Iterable[Entry]:
        return self.machine.state.entries()

    def services(self) -> Iterable[ServiceKey]:
        return self.machine.state.services()

    def trackers(self, key: str) -> Sequence[Tracker]:
        """The checks of an instance as they are now, which may be ahead of its record."""
        return self.machine.checks.of(key)

    def statuses(self, service: ServiceKey) -> Mapping[Status, int]:
        """How many instances of the service have each status."""
        return self.machine.state.statuses(service)

    @property
    def feed(self) -> Feed:
        """The last changes, in order."""
        return self.machine.feed

    def standing(self, entry: Entry) -> Standing:
        return readings.standing(self.machine, entry)

    def figures(self) -> Figures:
        return readings.figures(self.machine)

    def guard_report(self) -> list[HoldReport]:
        return self.machine.guard.report(self.now())

    @property
    def age(self) -> int:
        """How old what we serve may be (s): 0 where the store is in this process, in step by construction, or was heard lately."""
        return self.replicas.lag if self.replicas else 0

    def new_token(self) -> str:
        """A short random name, unguessable enough that nobody acknowledges for another."""
        return f"{self._rng.getrandbits(64):016x}"

    def answer_waiting(self) -> None:
        """The end is near: answer drains and blocking reads with what is known now."""
        self.subscribers.stop()
        self.blocked.stop()

    def on_change(self, note: Callable[[Change, int], None]) -> None:
        """Call `note(change, wall_ms)` for every committed change, in order, before any reader hears of it: be brief."""
        self._changed.append(note)

    def on_load(self, told: Callable[[], None]) -> None:
        """Call `told()` after everything was loaded anew: whoever follows changes begins again from the state."""
        self._loaded.append(told)

    def on_touched(self, told: Callable[[Collection[ServiceKey]], None]) -> None:
        """Call `told(services)` at once when they have another snapshot or policy: what was made of the old one is void."""
        self._touched.append(told)

    def on_reset(self, told: Callable[[str], None]) -> None:
        """Call `told(reason)` when another history begins."""
        self._resets.append(told)

    # --- What instances, callers and operators ask ------------------------------------------------------------------

    async def command(self, command: Command) -> Decided:
        """Decide and commit. Raises `Rejected` or `Unavailable`."""
        return await self.sure(key_of(command), lambda: self.writer.ask(command), lambda told: told.changed)

    async def sure(
        self, key: str, ask: Callable[[], Awaitable[T]], written: Callable[[T], bool] = lambda told: True
    ) -> T:
        """What `ask` says of the record at `key`. Where others write too, a refusal, and what was not `written`, only if the store
        confirms what it rests on. Raises `Rejected` or `Unavailable`."""
        return await (self.replicas.sure(key, ask, written) if self.replicas else ask())

    async def drained(self, service: ServiceKey, revision: int, wait: float) -> DrainAnswer:
        """What every subscriber says to a drain, of whatever replica, once it has acknowledged or `wait` s are over."""
        return await (self.replicas or self.subscribers).drained(service, revision, wait)

    def renew(self, key: str, generation: int, owner: bytes) -> Renewal:
        """Take a heartbeat without waiting. `SLOW` ones need `revive`."""
        renewal = self.machine.renew(key, generation, owner, self.now(), self._clock.wall())
        if self.machine.has_work:
            self._pump()
        return self.replicas.vouched([renewal])[0] if self.replicas else renewal

    def renew_all(self, heartbeats: Iterable[tuple[str, int, bytes]]) -> list[Renewal]:
        """Take heartbeats (key, generation, owner) that came together. Hot: half a million a second."""
        renew, now, wall = self.machine.renew, self.now(), self._clock.wall()
        renewals = [renew(key, generation, owner, now, wall) for key, generation, owner in heartbeats]
        if self.machine.has_work:
            self._pump()
        return self.replicas.vouched(renewals) if self.replicas else renewals

    async def revive(self, key: str, generation: int, owner: bytes) -> Decided:
        """A renewal of a lease that has lapsed, or is lapsing at this moment, perhaps by another replica's hand."""
        return await self.sure(key, lambda: self._revive(key, generation, owner), lambda told: told.changed)

    def _revive(self, key: str, generation: int, owner: bytes) -> Awaitable[Decided]:
        contested = self.machine.leases.contested(key)
        return self.writer.ask(Revive(key, generation, owner, self.wall(), contested=contested))

    def session_opened(self, key: str, generation: int) -> None:
        self.machine.session_opened(key, generation, self.now())
        self.look_soon()

    def session_closed(self, key: str, generation: int, *, lost: bool) -> None:
        """A session ended. `lost`: it broke; ended by the registry itself, it says nothing of the instance."""
        self.machine.session_closed(key, generation, self.now(), lost=lost)
        self.look_soon()

    def report(self, key: str, generation: int, source: str) -> None:
        """Raises `Rejected`."""
        self.machine.report(key, generation, source, self.now())
        self.look_soon()

    async def push(
        self, key: str, generation: int, owner: bytes, check: str, result: Result, said: str
    ) -> Health:
        """A result of a TTL check. Raises `Rejected` or `Unavailable`."""

        async def pushed() -> Health:
            told = self.machine.push(key, generation, owner, check, result, said, self.now(), self.wall())
            health, command = told
            if command is not None:
                await self.writer.ask(command)
            return health

        return await self.sure(key, pushed)

    def release_guard(self, zone: str | None) -> None:
        """An operator ends a hold (None: the registry's own). Raises `Rejected`."""
        if not self.machine.guard.release(zone):
            raise Rejected("not_held", "nothing is held there", field="zone")
