"""The writer: the one way from a command to a committed change.

Commands that arrive together share a transaction. One batch is under way at a time, so every command is decided on a state that
holds all earlier ones; two commands for one key never share a batch. What callers ask goes before what the registry finds by
itself, and both keep their order.

    queue -> decide -> store.commit -> [the tail has applied it] -> answer
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from muster.core.commands import Command, Expire, key_of
from muster.core.decide import GONE, NOTHING, decide
from muster.core.state import Entry, State
from muster.model import limits
from muster.model import record as records
from muster.model.errors import Rejected, Unavailable
from muster.registry.store import Batch, Committed, Conflict, Store, StoreUnavailable, Unknown, Write

STORE_PREFIX = "i/"
"""Instance records live under this prefix of the store."""
RETRY_S = (0.01, 0.05, 0.25, 1.0)
"""Waits between attempts to learn what became of a batch whose answer was lost."""


class Decided(Struct, frozen=True):
    """What became of a command. `entry` is the record's state after it, None if it is gone; `changed` False for a no-op."""

    entry: Entry | None
    changed: bool
    revision: int


class Applied(Protocol):
    """How the writer learns that the tail has applied a transaction."""

    async def until(self, revision: int) -> None: ...

    def saw(self, op: str) -> int | None: ...


class _Pending(Struct):
    command: Command
    answer: asyncio.Future[Decided] | None


class Writer:
    """`begin` and `failed` are the machine's word on its own commands: still wanted, and not committed."""

    def __init__(
        self,
        store: Store,
        state: Callable[[], State],
        applied: Applied,
        *,
        begin: Callable[[Command], bool],
        failed: Callable[[Command], None],
        new_op: Callable[[], str],
    ) -> None:
        self._store = store
        self._state = state
        self._applied = applied
        self._begin = begin
        self._failed = failed
        self._new_op = new_op
        self._asked: deque[_Pending] = deque()
        self._own: deque[_Pending] = deque()
        self._alone: deque[_Pending] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.errors = 0

    @property
    def waiting(self) -> int:
        return len(self._asked) + len(self._own) + len(self._alone)

    def ask(self, command: Command) -> asyncio.Future[Decided]:
        """Queue a command of a caller. The future gets `Decided`, or raises `Rejected` or `Unavailable`."""
        if len(self._asked) >= limits.COMMANDS_WAITING:
            raise Unavailable("overloaded", f"{limits.COMMANDS_WAITING} commands are waiting for the store")
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(_Pending(command, answer))
        self._work.set()
        return answer

    def own(self, command: Command) -> None:
        """Queue a command of the registry itself; nobody waits for it."""
        self._own.append(_Pending(command, None))
        self._work.set()

    async def run(self) -> None:
        """Work for ever. Cancelled, it leaves the batch under way to the store."""
        while True:
            if not self.waiting:
                self._work.clear()
                self._idle.set()
                await self._work.wait()
            self._idle.clear()
            await self._turn()

    async def finish(self) -> None:
        """Return when nothing waits any more."""
        await self._idle.wait()

    async def _turn(self) -> None:
        batch: dict[str, tuple[_Pending, Write]] = {}
        if self._alone:
            self._add(self._alone.popleft(), batch)
        else:
            self._fill(batch)
        if batch:
            await self._commit(batch)

    def _fill(self, batch: dict[str, tuple[_Pending, Write]]) -> None:
        """Take what fits, in order; a command whose key is in the batch already, and all later ones for that key, wait."""
        room = limits.BATCH_BYTES
        for queue in (self._asked, self._own):
            put_back: list[_Pending] = []
            while (
                queue
                and len(batch) < limits.BATCH_WRITES
                and room > 0
                and len(put_back) < limits.BATCH_WRITES
            ):
                pending = queue.popleft()
                if key_of(pending.command) in batch:
                    put_back.append(pending)
                elif not any(key_of(pending.command) == key_of(earlier.command) for earlier in put_back):
                    room -= self._add(pending, batch)
                else:
                    put_back.append(pending)
            queue.extendleft(reversed(put_back))

    def _add(self, pending: _Pending, batch: dict[str, tuple[_Pending, Write]]) -> int:
        """Decide one command; what it writes joins the batch. The bytes added."""
        state = self._state()
        if pending.answer is None and not self._begin(pending.command):
            return 0
        if pending.answer is not None and pending.answer.cancelled():
            return 0
        key = key_of(pending.command)
        entry = state.get(key)
        try:
            write = decide(state, pending.command)
        except Rejected as error:
            _refuse(pending, error)
            return 0
        if write is NOTHING:
            _settle(pending, Decided(entry, False, entry.revision if entry else state.revision))
            if isinstance(pending.command, Expire):
                self._failed(pending.command)
            return 0
        value = None if write is GONE else records.encode(write)
        batch[key] = (pending, Write(STORE_PREFIX + key, value, entry.revision if entry else 0))
        return len(value or b"")

    async def _commit(self, batch: dict[str, tuple[_Pending, Write]]) -> None:
        op = self._new_op()
        transaction = Batch(op, tuple(write for _, write in batch.values()))
        try:
            revision = await self._outcome(transaction)
        except StoreUnavailable as error:
            self._unavailable(batch, str(error))
            return
        if revision is None:
            self._apart(batch)
            return
        await self._applied.until(revision)
        state = self._state()
        for key, (pending, _) in batch.items():
            _settle(pending, Decided(state.get(key), True, revision))

    async def _outcome(self, transaction: Batch) -> int | None:
        """The revision of the batch; None if it conflicts. A lost answer is settled by the operation's id.

        Trying the same batch again is safe: if it was committed, its own guards refuse the second time, and the tail has its
        id. Raises `StoreUnavailable` when the store stays away.
        """
        for wait in (*RETRY_S, None):
            match await self._store.commit(transaction):
                case Committed(revision=revision):
                    return revision
                case Conflict():
                    return await self._ours(transaction)
                case Unknown(reason=reason):
                    if (seen := self._applied.saw(transaction.op)) is not None:
                        return seen
                    if wait is None:
                        raise StoreUnavailable(f"what became of the write is not known yet: {reason}")
                    await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _ours(self, transaction: Batch) -> int | None:
        """After a conflict: wait until we see what we conflict with. It may be ourselves."""
        state = self._state()
        for _ in range(len(RETRY_S)):
            if (seen := self._applied.saw(transaction.op)) is not None:
                return seen
            if any(_moved(state, write) for write in transaction.writes):
                return None
            await asyncio.sleep(RETRY_S[0])
        return None

    def _apart(self, batch: dict[str, tuple[_Pending, Write]]) -> None:
        """Somebody else wrote one of the keys: decide each command again, alone."""
        for pending, _ in batch.values():
            if isinstance(pending.command, Expire):
                self._failed(pending.command)
            else:
                self._alone.append(pending)

    def _unavailable(self, batch: dict[str, tuple[_Pending, Write]], why: str) -> None:
        self.errors += 1
        for pending, _ in batch.values():
            if pending.answer is None:
                self._failed(pending.command)
            elif not pending.answer.done():
                pending.answer.set_exception(Unavailable("store_unavailable", why, retry_after=2.0))


def _moved(state: State, write: Write) -> bool:
    entry = state.get(write.key.removeprefix(STORE_PREFIX))
    return (entry.revision if entry else 0) != write.expected


def _settle(pending: _Pending, decided: Decided) -> None:
    if pending.answer is not None and not pending.answer.done():
        pending.answer.set_result(decided)


def _refuse(pending: _Pending, error: Rejected) -> None:
    if pending.answer is not None and not pending.answer.done():
        pending.answer.set_exception(error)
