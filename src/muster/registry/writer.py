"""The writer: the one way from a command to a committed change.

Commands that arrive together share a transaction. One batch is under way at a time, so every command is decided on a state that
holds all earlier ones; two commands for one key never share a batch. What callers ask goes before what the registry finds by
itself, and both keep their order.

    queue -> decide -> store.commit -> [the tail has applied it] -> answer

Where the store's answer is lost, the batch is tried until its fate is known, and nothing else is decided before: a renewal must
not overtake an expiry that may have happened. Callers do not wait for that; they are told to come again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Protocol

from msgspec import Struct

from muster.core.commands import Command, Expire, key_of
from muster.core.decide import GONE, NOTHING, decide
from muster.core.state import Entry, State
from muster.model import limits
from muster.model import record as records
from muster.model.errors import Rejected, Unavailable
from muster.registry.layout import INSTANCES
from muster.registry.store import (
    Batch,
    Committed,
    Condition,
    Conflict,
    Store,
    StoreUnavailable,
    Unknown,
    Write,
)

CONFLICT_LOOKS = 500
"""Times `LOST_ANSWER_WAITS_S[0]` that we wait to see what we conflict with, should the store have changed its mind."""
CONFLICT_DOUBT = 10
"""After so many of them what is held here is doubted: a tail is late by less."""


class Decided(Struct, frozen=True):
    """What became of a command. `entry` is the record's state after it, None if it is gone; `changed` False for a no-op."""

    entry: Entry | None
    changed: bool
    revision: int


class Applied(Protocol):
    """How the writer learns that the tail has applied a transaction."""

    async def until(self, revision: int) -> None: ...

    def saw(self, op: str) -> int | None: ...


class Outcomes(Protocol):
    """Whoever must know what becomes of commands: the machine."""

    def begin(self, command: Command) -> bool:
        """Just before one of the registry's own is decided. False: what it was for is over."""
        ...

    def decided(self, command: Command, *, asked: bool) -> None:
        """It is committed and applied, or was a no-op. `asked`: by a caller, who learns it next."""
        ...

    def not_committed(self, command: Command) -> None:
        """It certainly is not, and is not tried again."""
        ...


class _Pending(Struct, gc=False):
    command: Command
    answer: asyncio.Future[Decided] | None

    def tell(self, outcome: Decided | Exception) -> None:
        """Answer whoever asked, if he still waits."""
        if self.answer is None or self.answer.done():
            return
        if isinstance(outcome, Decided):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)


async def _nobody_else(keys: Iterable[str]) -> None:
    """Where nobody else writes, nothing can contradict what is held."""


_Batch = dict[str, tuple[_Pending, Write]]


class Writer:
    """`errors` counts batches the store would not have; `trouble` is why it would not have the last one, "" if it did.
    `waiting`: commands that are not under way yet. `contradicted` gets the keys of records that the store has otherwise than they are
    held, for longer than a tail is late, and returns when it has looked at them."""

    def __init__(
        self,
        store: Store,
        state: Callable[[], State],
        applied: Applied,
        outcomes: Outcomes,
        new_op: Callable[[], str],
        conditions: Callable[[Command], tuple[Condition, ...]] = lambda command: (),
        contradicted: Callable[[Iterable[str]], Awaitable[None]] = _nobody_else,
    ) -> None:
        self._store = store
        self._state = state
        self._applied = applied
        self._outcomes = outcomes
        self._new_op = new_op
        self._conditions = conditions
        self._contradicted = contradicted
        self._asked: deque[_Pending] = deque()
        self._own: deque[_Pending] = deque()
        self._alone: deque[_Pending] = deque()
        self._under_way: list[_Pending] = []
        self._shut = ""
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.errors = 0
        self.trouble = ""

    @property
    def waiting(self) -> int:
        return len(self._asked) + len(self._own) + len(self._alone)

    # --- In ---------------------------------------------------------------------------------------------------------

    def foresee(self, command: Command) -> None:
        """Whether it would be granted as things are: for whoever has several to ask, and wants all or none. Raises `Rejected`."""
        decide(self._state(), command)

    def ask(self, command: Command) -> asyncio.Future[Decided]:
        """Queue a command of a caller. The future gets `Decided`, or raises `Rejected` or `Unavailable`."""
        answer: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        pending = _Pending(command, answer)
        if self._shut:
            self._give_up(pending, "store_unavailable", self._shut)
        elif len(self._asked) >= limits.COMMANDS_WAITING:
            self._give_up(
                pending, "overloaded", f"{limits.COMMANDS_WAITING} commands are waiting for the store"
            )
        else:
            self._queue(self._asked, pending)
        return answer

    def own(self, command: Command) -> None:
        """Queue a command of the registry itself; nobody waits for it."""
        self._queue(self._own, _Pending(command, None))

    def _queue(self, queue: deque[_Pending], pending: _Pending) -> None:
        queue.append(pending)
        self._idle.clear()
        self._work.set()

    # --- Work -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work for ever. Cancelled, it leaves the batch under way to the store, and sends whoever waits elsewhere."""
        try:
            while True:
                if not self.waiting:
                    self._work.clear()
                    self._idle.set()
                    await self._work.wait()
                await self._turn()
        finally:
            self._turn_away("this registry is stopping")

    async def finish(self) -> None:
        """Return when nothing waits any more."""
        await self._idle.wait()

    async def _turn(self) -> None:
        batch: _Batch = {}
        if self._alone:
            self._add(self._alone.popleft(), batch)
        else:
            self._fill(batch)
        if batch:
            await self._commit(batch)
        else:
            await asyncio.sleep(0)

    def _fill(self, batch: _Batch) -> None:
        """Take what fits, in order; commands for a key that is in the batch wait for the next one."""
        room = limits.BATCH_BYTES
        for queue in (self._asked, self._own):
            later: list[_Pending] = []
            for _ in range(min(len(queue), limits.DECISIONS_PER_TURN)):
                if room <= 0 or max(len(batch), len(later)) >= limits.BATCH_WRITES:
                    break
                pending = queue.popleft()
                if key_of(pending.command) in batch:
                    later.append(pending)
                else:
                    room -= self._add(pending, batch)
            queue.extendleft(reversed(later))

    def _add(self, pending: _Pending, batch: _Batch) -> int:
        """Decide one command; what it writes joins the batch. The bytes added."""
        if not self._wanted(pending):
            return 0
        state, key = self._state(), key_of(pending.command)
        entry = state.get(key)
        try:
            write = decide(state, pending.command)
        except Rejected as refusal:
            pending.tell(refusal)
            return 0
        if write is NOTHING:
            self._settle(pending, Decided(entry, False, entry.revision if entry else state.revision))
            return 0
        value = None if write is GONE else records.encode(write)
        batch[key] = (pending, Write(INSTANCES + key, value, entry.revision if entry else 0))
        return len(value or b"")

    def _wanted(self, pending: _Pending) -> bool:
        if pending.answer is None:
            return self._outcomes.begin(pending.command)
        if pending.answer.done():  # whoever asked went away, or was sent away
            self._outcomes.not_committed(pending.command)
            return False
        return True

    async def _commit(self, batch: _Batch) -> None:
        self._under_way = [pending for pending, _ in batch.values()]
        conditions = {
            condition: None for pending in self._under_way for condition in self._conditions(pending.command)
        }
        transaction = Batch(self._new_op(), tuple(write for _, write in batch.values()), tuple(conditions))
        try:
            revision = await self._outcome(transaction)
        except StoreUnavailable as error:
            self._note_trouble(str(error))
            for pending in self._under_way:
                self._give_up(pending, "store_unavailable", str(error))
        else:
            if revision is None:
                self._apart(self._under_way)
            else:
                await self._applied.until(revision)
                for key, (pending, _) in batch.items():
                    self._committed(pending, self._state().get(key), revision)
        self._under_way = []

    # --- The store's answer, however long it takes ------------------------------------------------------------------

    async def _outcome(self, transaction: Batch) -> int | None:
        """The revision of the batch; None if it conflicts. Raises `StoreUnavailable` if it certainly is not committed.

        A lost answer is settled by the operation's id, which the tail tells. Trying the same batch again is safe: if it was
        committed, its own conditions refuse the second time.
        """
        began = asyncio.get_running_loop().time()
        for attempt in count():
            try:
                outcome = await self._store.commit(transaction)
            except StoreUnavailable as error:
                if not attempt:
                    raise
                outcome = Unknown(str(error))  # this attempt failed; an earlier one may have come through
            match outcome:
                case Committed(revision=revision):
                    self._shut = self.trouble = ""
                    return revision
                case Conflict(keys=keys):
                    self._shut = self.trouble = ""
                    if attempt == 0 and any(condition.key in keys for condition in transaction.conditions):
                        return None
                    return await self._ours(transaction, keys)
                case Unknown(reason=reason):
                    await self._puzzle(attempt, began, reason)
        raise AssertionError("unreachable")

    async def _puzzle(self, attempt: int, began: float, reason: str) -> None:
        waits = limits.LOST_ANSWER_WAITS_S
        late = asyncio.get_running_loop().time() - began >= limits.LOST_ANSWER_PATIENCE_S
        if not self._shut and (late or attempt == len(waits)):
            self._note_trouble(why := f"what became of a write is not known yet: {reason}")
            self._turn_away(why)
        await asyncio.sleep(waits[min(attempt, len(waits) - 1)])  # the last one repeats

    async def _ours(self, transaction: Batch, keys: Iterable[str]) -> int | None:
        """After a conflict: wait until we see what we conflict with. It may be ourselves."""
        for look in range(CONFLICT_LOOKS):
            if (seen := self._applied.saw(transaction.op)) is not None:
                return seen
            if any(_moved(self._state(), write) for write in transaction.writes):
                return None
            if look == CONFLICT_DOUBT:
                await self._contradicted(key.removeprefix(INSTANCES) for key in keys)
            else:
                await asyncio.sleep(limits.LOST_ANSWER_WAITS_S[0])
        return None

    def _apart(self, commands: Iterable[_Pending]) -> None:
        """Somebody else wrote one of the keys: decide each command again, alone. An expiry must find its reason anew."""
        for pending in commands:
            if isinstance(pending.command, Expire):
                self._outcomes.not_committed(pending.command)
            else:
                self._alone.append(pending)

    # --- Out --------------------------------------------------------------------------------------------------------

    def _committed(self, pending: _Pending, entry: Entry | None, revision: int) -> None:
        """It is written. If the tail told of `revision` without it, what is held is wrong, and must not be told for what was written."""
        if entry is not None and entry.revision < revision:
            why = "the store did not tell this replica of its own write"
            pending.tell(Unavailable("try_another", why, retry_after=limits.WRITE_AGAIN_S))
        self._settle(pending, Decided(entry, True, revision))

    def _settle(self, pending: _Pending, decided: Decided) -> None:
        self._outcomes.decided(pending.command, asked=pending.answer is not None)
        pending.tell(decided)

    def _give_up(self, pending: _Pending, code: str, why: str) -> None:
        self._outcomes.not_committed(pending.command)
        pending.tell(Unavailable(code, why, retry_after=limits.WRITE_AGAIN_S))

    def _note_trouble(self, why: str) -> None:
        self.errors += 1
        self.trouble = why

    def _turn_away(self, why: str) -> None:
        """Take no commands of callers for now, and answer those that wait; what is under way goes on without them."""
        self._shut = why
        for pending in (*self._asked, *self._alone, *self._under_way):
            pending.tell(Unavailable("store_unavailable", why, retry_after=limits.WRITE_AGAIN_S))


def _moved(state: State, write: Write) -> bool:
    entry = state.get(write.key.removeprefix(INSTANCES))
    return (entry.revision if entry else 0) != write.expected
