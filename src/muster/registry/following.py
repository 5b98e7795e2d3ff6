"""Following the store: what it committed becomes the state, and everybody who depends on the state hears of it.

    store.load, store.tail -> machine, policies, replicas -> who follows every change -> whose bytes are void -> readers
                                                          -> the writer, whose caller is answered

The order is the promise: what is made of a change is up to date before a reader is woken, and whoever wrote it can read it
by the time he is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from muster.core.machine import Machine
from muster.core.state import Change, ServiceKey
from muster.model import limits
from muster.model import record as records
from muster.model.record import Record
from muster.model.sharing import Sharing
from muster.registry.clock import Clock
from muster.registry.hub import Hub
from muster.registry.layout import INSTANCES
from muster.registry.policies import Policies
from muster.registry.replicas.replicas import Replicas
from muster.registry.seen import Seen
from muster.registry.store import Changes, Compacted, EpochChanged, Put, Store, StoreUnavailable
from muster.registry.timer import Timer


class Following:
    """The four lists are called in the order of their members: `Registry` has a method of the same name for each, which adds to it
    and says what for."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        clock: Clock,
        timer: Timer,
        policies: Policies,
        replicas: Replicas | None,
        seen: Seen,
        hub: Hub,
    ) -> None:
        self._store = store
        self._machine = machine
        self._clock = clock
        self._timer = timer
        self._policies = policies
        self._replicas = replicas
        self._seen = seen
        self._hub = hub
        self._sharing = Sharing()
        self.on_change: list[Callable[[Change, int], None]] = []
        self.on_load: list[Callable[[], None]] = []
        self.on_touched: list[Callable[[Collection[ServiceKey]], None]] = []
        self.on_reset: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Begin from the store's whole content. Raises `StoreUnavailable`."""
        loaded = await self._store.load()
        decoded = [
            (self._decode(stored.value), stored.revision)
            for stored in loaded.records
            if stored.key.startswith(INSTANCES)
        ]
        self._policies.load(loaded.records, loaded.revision)
        self._machine.load(decoded, loaded.revision, loaded.epoch, self._clock.now(), self._clock.wall())
        if self._replicas:
            self._replicas.load(loaded.records)
        self._seen.loaded(loaded.revision, loaded.records)
        for begin_again in self.on_load:
            begin_again()

    async def run(self) -> None:
        """Apply what is committed, for ever. Where the store cannot say what is missing, everything is loaded again."""
        while True:
            async for event in self._store.tail(self._machine.state.revision):
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
        known = set(self._machine.state.services())
        epoch = self._machine.state.epoch
        await self._load_at_last()
        if self._machine.state.epoch != epoch:
            for reset in list(self.on_reset):
                reset(reason)
        self._publish(known | set(self._machine.state.services()) | set(self._policies.services()))
        self._timer.look_soon()

    async def _load_at_last(self) -> None:
        """Where the store cannot be read now, what is served grows old meanwhile."""
        while True:
            try:
                return await self.load()
            except StoreUnavailable:
                await asyncio.sleep(limits.STORE_RELOAD_S)

    def _apply(self, event: Changes) -> None:
        writes = [
            (
                entry.key.removeprefix(INSTANCES),
                self._decode(entry.value) if isinstance(entry, Put) else None,
            )
            for entry in event.entries
            if entry.key.startswith(INSTANCES)
        ]
        changes = self._machine.apply(event.revision, writes, self._clock.now(), self._clock.wall())
        steered = self._policies.apply(event.revision, event.entries)
        if self._replicas:
            right = self._replicas.apply(event)
            changes += right.changes
            steered += right.steered
        self._note(changes)
        self._publish(dict.fromkeys([*(change.service for change in changes), *steered]))
        self._seen.applied(event.revision, event.op)
        self._timer.hand_on()

    def _decode(self, value: bytes) -> Record:
        return self._sharing.share(records.decode(value))

    def _note(self, changes: list[Change]) -> None:
        wall = self._clock.wall() if self.on_change else 0
        for note in self.on_change:
            for change in changes:
                note(change, wall)

    def _publish(self, services: Collection[ServiceKey]) -> None:
        for make_void in self.on_touched:
            make_void(services)
        self._hub.changed(services)
