"""Repairs: what is held here otherwise than in the store is put right, at a revision of its own.

    load, compare ---> write `fix/<name>` ---> [the tail tells of it, at revision n] ---> put right, as changes of revision n

So a repair comes in the store's order: whatever the store said of a record before n has been applied before, and a record that was
changed meanwhile is left alone. Every reader is told as of any other change.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from muster.core.agreement import Fix, removed, stale
from muster.core.machine import Machine
from muster.core.state import Change, Entry, ServiceKey
from muster.model import limits
from muster.model import record as records
from muster.registry.layout import INSTANCES, POLICIES
from muster.registry.policies import Policies, PolicyEntry, PolicyFix
from muster.registry.seen import Seen
from muster.registry.store import (
    Batch,
    Changes,
    Committed,
    Conflict,
    Loaded,
    Put,
    SharedStore,
    Stored,
    StoreUnavailable,
    Write,
)

FIX = "fix/"
T = TypeVar("T")


class Right(Struct, frozen=True):
    """What was put right: changes of instances, and services whose policies are others now."""

    changes: list[Change] = []
    steered: list[ServiceKey] = []


class Repair(Struct, frozen=True):
    """A record that was put right, a policy's with its prefix. `held`, `stored`: the revision of its last write, here and in the
    store; 0 for no record."""

    key: str
    held: int
    stored: int


class Whose(Protocol):
    """The registry, as far as its repairs care."""

    def now(self) -> float: ...

    def wall(self) -> int: ...

    def new_token(self) -> str: ...


class Repairs:
    """`count` records were put right, the last of them at revision `last`; `done` are those that were not logged yet."""

    def __init__(
        self,
        store: SharedStore,
        registry: Whose,
        machine: Machine,
        policies: Policies,
        seen: Seen,
        name: str,
        lease: Callable[[], int],
    ) -> None:
        self._store = store
        self._registry = registry
        self._machine = machine
        self._policies = policies
        self._seen = seen
        self._key = FIX + name
        self._lease = lease
        self._at = 0
        self._one_at_a_time = asyncio.Lock()
        self._prepared: dict[str, Sequence[Fix | PolicyFix]] = {}
        self.done: deque[Repair] = deque(maxlen=limits.FINDINGS_KEPT)
        self.count = self.last = 0

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(self, loaded: Iterable[Stored]) -> None:
        """Everything was loaded anew: what was wrong before is right now."""
        self._at = next((each.revision for each in loaded if each.key == self._key), 0)
        self._prepared.clear()

    def apply(self, changes: Changes) -> Right:
        """With a transaction of ours comes what is put right in its turn."""
        for entry in changes.entries:
            if entry.key == self._key:
                self._at = changes.revision if isinstance(entry, Put) else 0
        fixes = self._prepared.pop(changes.op, ())
        return self._put_right(changes.revision, fixes) if fixes else Right()

    def _put_right(self, revision: int, fixes: Sequence[Fix | PolicyFix]) -> Right:
        now, wall = self._registry.now(), self._registry.wall()
        instances = [fix for fix in fixes if isinstance(fix, Fix)]
        still = [fix for fix in instances if self._machine.state.get(fix.key) is fix.held]
        changes = self._machine.put_right(revision, still, now, wall)
        steering = [fix for fix in fixes if isinstance(fix, PolicyFix)]
        steered = self._policies.put_right(revision, steering)
        self.done.extend(Repair(fix.key, _at(fix.held), fix.at) for fix in still)
        self.done.extend(Repair(fix.key, _at(fix.held), _at(fix.stored)) for fix in steered)
        self.count += len(still) + len(steered)
        self.last = revision
        return Right(changes, [fix.service for fix in steered])

    # --- Looking ----------------------------------------------------------------------------------------------------

    async def look(self) -> bool:
        """Compare everything with the store, and put right what is wrong. False: it could not be done now."""
        try:
            loaded = await self._store.load()
            async with asyncio.timeout(limits.REPAIR_WAIT_S):
                await self._seen.until(loaded.revision)
            for some in slices(await self._wrong(loaded), limits.REPAIR_RECORDS):
                await self._prepare(some)
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    async def reread(self, key: str) -> None:
        """Return when the record at this key of the store's is held as there, or as it was changed since.

        Raises `StoreUnavailable`, `TimeoutError`.

        Only what is certain to be wrong is put right: what the state should have been told of by the revision `before`, and was not.
        """
        epoch, before = self._machine.state.epoch, await self._store.head()
        stored = await self._store.read(key)
        await self._seen.until(await self._store.head())
        found = self._wrong_policy if key.startswith(POLICIES) else self._wrong_instance
        fixes = found(key, stored, before)
        if fixes and self._machine.state.epoch == epoch:
            await self._prepare(fixes)

    def _wrong_policy(self, key: str, stored: Stored | None, loaded: int) -> Sequence[Fix | PolicyFix]:
        return self._policies.wrong_at(key, stored, loaded)

    def _wrong_instance(self, key: str, stored: Stored | None, loaded: int) -> Sequence[Fix | PolicyFix]:
        key = key.removeprefix(INSTANCES)
        if stored is not None:
            return self._missed(key, stored, loaded)
        held = self._machine.state.get(key)
        return [_not_there(held)] if held is not None and stale(held, 0, loaded) else []

    async def _wrong(self, loaded: Loaded) -> list[Fix | PolicyFix]:
        """What is not held as it was at the revision of the load, and has not changed since."""
        fixes: list[Fix | PolicyFix] = [*self._policies.wrong(loaded.records, loaded.revision)]
        there: set[str] = set()
        for some in slices(loaded.records, limits.COMPARE_SLICE):
            for stored in some:
                if stored.key.startswith(INSTANCES):
                    there.add(key := stored.key.removeprefix(INSTANCES))
                    fixes += self._missed(key, stored, loaded.revision)
            await asyncio.sleep(0)
        for entries in slices(list(self._machine.state.entries()), limits.COMPARE_SLICE):
            gone = (entry for entry in entries if entry.key not in there)
            fixes += [_not_there(entry) for entry in gone if stale(entry, 0, loaded.revision)]
            await asyncio.sleep(0)
        return fixes if self._machine.state.epoch == loaded.epoch else []

    def _missed(self, key: str, stored: Stored, loaded: int) -> list[Fix]:
        held = self._machine.state.get(key)
        if not stale(held, stored.revision, loaded):
            return []
        record = records.decode(stored.value)
        if held is None and removed(self._machine.feed, record, loaded):
            return []
        return [Fix(key, held, record, stored.revision)]

    async def _prepare(self, fixes: Sequence[Fix | PolicyFix]) -> None:
        """Write that they come now: they are put right when the tail tells of it. Raises `StoreUnavailable`, `TimeoutError`."""
        op = self._registry.new_token()
        async with self._one_at_a_time:
            self._prepared = {op: fixes}
            write = Write(self._key, b"%d" % len(fixes), self._at, self._lease())
            outcome = await self._store.commit(Batch(op, (write,)))
            if isinstance(outcome, Conflict):
                raise StoreUnavailable("in conflict with our own lost answer")
            if isinstance(outcome, Committed):
                async with asyncio.timeout(limits.REPAIR_WAIT_S):
                    await self._seen.until(outcome.revision)


def _at(held: Entry | PolicyEntry | None) -> int:
    return held.revision if held else 0


def _not_there(entry: Entry) -> Fix:
    return Fix(entry.key, entry, None, 0)


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[first : first + size] for first in range(0, len(items), size))
