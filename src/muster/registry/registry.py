"""The registry: the core's machine, its store, its timers and its readers, put together. Edges talk to this and nothing below.

Reads and heartbeats are plain calls that never wait. Whatever changes a record is a coroutine, answered when the change is
durable and visible here. Everything runs on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random, SystemRandom
from typing import TypeVar

from muster.core.checks import Tracker
from muster.core.commands import Command, Revive, key_of
from muster.core.feed import Feed
from muster.core.guard import HoldReport, Rules
from muster.core.machine import Machine
from muster.core.renewal import Renewal
from muster.core.state import Change, Entry, ServiceKey, Snapshot
from muster.model import limits
from muster.model.check import Health, Result
from muster.model.errors import Rejected
from muster.model.record import Status
from muster.registry import readings
from muster.registry.clock import Clock
from muster.registry.drain import Subscribers
from muster.registry.following import Following
from muster.registry.hub import Hub
from muster.registry.layout import INSTANCES
from muster.registry.outcomes import Outcomes
from muster.registry.policies import Policies, PolicyEntry
from muster.registry.policies import key_of as policy_key
from muster.registry.prober import Prober
from muster.registry.readings import Figures, Standing
from muster.registry.replicas.port import Shared
from muster.registry.replicas.replicas import Replicas
from muster.registry.seen import Seen
from muster.registry.store import Store
from muster.registry.timer import Timer
from muster.registry.waiting import Blocked
from muster.registry.writer import Decided, Writer
from muster.wire.answers import DrainAnswer

T = TypeVar("T")


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
        self._clock = clock or Clock()
        self._rng = rng or SystemRandom()
        self.machine = Machine(self._rng, rules, retention=retention)
        self.hub = Hub(asyncio.get_running_loop(), propagated)
        self.subscribers = Subscribers(self.now)
        self.blocked = Blocked(self.hub)
        seen = Seen()
        self.policies = Policies(store, seen, self.new_token)
        self.writer = Writer(
            store,
            lambda: self.machine.state,
            seen,
            Outcomes(self.machine, self.now),
            self.new_token,
            lambda command: self.replicas.conditions(command) if self.replicas else (),
            self._contradicted,
        )
        self.replicas = Replicas(shared, self, self.machine, self.policies, seen) if shared else None
        self._timer = Timer(self.machine, self._clock, prober, self.writer, self.replicas)
        self._following = Following(
            store, self.machine, self._clock, self._timer, self.policies, self.replicas, seen, self.hub
        )
        self.running = False

    # --- Life -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Registry]:
        """Load, then work until the block ends; then finish what was accepted and close the store.

        A bug in one of the registry's tasks ends the block with it, loudly. Raises `StoreUnavailable`.
        """
        await self._following.load()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._following.run(), name="tail"),
                    group.create_task(self.writer.run(), name="writer"),
                    group.create_task(self._timer.run(), name="time"),
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

    # --- Time -------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._clock.now()

    def wall(self) -> int:
        return self._clock.wall()

    def look_soon(self) -> None:
        """Something happened that may have work due: look at once, not at the next tick."""
        self._timer.look_soon()

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

    @property
    def trouble(self) -> str:
        """Why the store would not have the last write, or would not have one of this replica now; "" if all is well."""
        return self.writer.trouble or (self.replicas.trouble if self.replicas else "")

    def new_token(self) -> str:
        """A short random name, unguessable enough that nobody acknowledges for another."""
        return f"{self._rng.getrandbits(64):016x}"

    def answer_waiting(self) -> None:
        """The end is near: answer drains and blocking reads with what is known now."""
        self.subscribers.stop()
        self.blocked.stop()

    def on_change(self, note: Callable[[Change, int], None]) -> None:
        """Call `note(change, wall_ms)` for every committed change, in order, before any reader hears of it: be brief."""
        self._following.on_change.append(note)

    def on_load(self, begin_again: Callable[[], None]) -> None:
        """Call `begin_again()` after everything was loaded anew: whoever follows changes begins again from the state."""
        self._following.on_load.append(begin_again)

    def on_touched(self, make_void: Callable[[Collection[ServiceKey]], None]) -> None:
        """Call `make_void(services)` at once when they have another snapshot or policy: what was made of the old one is void."""
        self._following.on_touched.append(make_void)

    def on_reset(self, reset: Callable[[str], None]) -> None:
        """Call `reset(reason)` when another history begins."""
        self._following.on_reset.append(reset)

    # --- What instances, callers and operators ask ------------------------------------------------------------------

    async def command(self, command: Command) -> Decided:
        """Decide and commit. Raises `Rejected` or `Unavailable`."""
        return await self.sure(
            key_of(command), lambda: self.writer.ask(command), lambda decided: decided.changed
        )

    async def sure(
        self, key: str, ask: Callable[[], Awaitable[T]], written: Callable[[T], bool] = lambda answer: True
    ) -> T:
        """What `ask` says of the record at `key`. Where others write too, a refusal, and what was not `written`, only if the store
        confirms what it rests on. Raises `Rejected` or `Unavailable`."""
        return await (self.replicas.sure(INSTANCES + key, ask, written) if self.replicas else ask())

    async def put_policy(self, service: ServiceKey, document: bytes, expected: int | None) -> PolicyEntry:
        """See `Policies.put`. Raises `Rejected`, `Unavailable`."""
        if self.replicas is None:
            return await self.policies.put(service, document, expected)
        seen = 0

        def put() -> Awaitable[PolicyEntry]:
            nonlocal seen
            seen = self.revision
            return self.policies.put(service, document, expected)

        # One that is later than what we had seen was written just now, or told by the store since.
        return await self.replicas.sure(policy_key(service), put, lambda held: held.revision > seen)

    async def remove_policy(self, service: ServiceKey, expected: int | None) -> None:
        """See `Policies.remove`. Raises `Rejected`, `Unavailable`."""
        if self.replicas is None:
            return await self.policies.remove(service, expected)
        remove = partial(self.policies.remove, service, expected)
        return await self.replicas.sure(policy_key(service), remove, lambda gone: True)

    async def found(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` says of what it finds here by anything but a record's key. Where others write too, a refusal only when it has
        looked through all that the store had. Raises `Rejected` or `Unavailable`."""
        return await (self.replicas.found(ask) if self.replicas else ask())

    async def catch_up(self) -> None:
        """Return when all that has been written by now, by whomever, is held here. Raises `Unavailable`."""
        if self.replicas:
            await self.replicas.catch_up()

    async def _contradicted(self, keys: Iterable[str]) -> None:
        if self.replicas:
            await self.replicas.contradicted(keys)

    async def drained(self, service: ServiceKey, revision: int, wait: float) -> DrainAnswer:
        """What every subscriber says to a drain, of whatever replica, once it has acknowledged or `wait` s are over."""
        return await (self.replicas or self.subscribers).drained(service, revision, wait)

    def renew(self, key: str, generation: int, owner: bytes) -> Renewal:
        """Take a heartbeat without waiting. `SLOW` ones need `revive`."""
        renewal = self.machine.renew(key, generation, owner, self.now(), self._clock.wall())
        if self.machine.has_work:
            self._timer.hand_on()
        return self.replicas.vouched([renewal])[0] if self.replicas else renewal

    def renew_all(self, heartbeats: Iterable[tuple[str, int, bytes]]) -> list[Renewal]:
        """Take heartbeats (key, generation, owner) that came together. Hot: half a million a second."""
        renew, now, wall = self.machine.renew, self.now(), self._clock.wall()
        renewals = [renew(key, generation, owner, now, wall) for key, generation, owner in heartbeats]
        if self.machine.has_work:
            self._timer.hand_on()
        return self.replicas.vouched(renewals) if self.replicas else renewals

    async def revive(self, key: str, generation: int, owner: bytes) -> Decided:
        """A renewal of a lease that has lapsed, or is lapsing at this moment, perhaps by another replica's hand."""
        return await self.sure(
            key, lambda: self._revive(key, generation, owner), lambda decided: decided.changed
        )

    def _revive(self, key: str, generation: int, owner: bytes) -> Awaitable[Decided]:
        contested = self.machine.inquiry.contested(key)
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
            now, wall = self.now(), self.wall()
            health, command = self.machine.push(key, generation, owner, check, result, said, now, wall)
            if command is not None:
                await self.writer.ask(command)
            return health

        return await self.sure(key, pushed)

    def release_guard(self, zone: str | None) -> None:
        """An operator ends a hold (None: the registry's own). Raises `Rejected`."""
        if not self.machine.guard.release(zone):
            raise Rejected("not_held", "nothing is held there", field="zone")
