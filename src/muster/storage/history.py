"""The recent transactions of a store, kept in memory for its tails.

A tail is a number: the revision it has reached. Revisions rise, and need not be consecutive: an etcd that others use too counts
their writes as well. A reader costs nothing while it waits. The history belongs to the event loop and is never touched by
another thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from random import Random

from muster.model import limits
from muster.registry.store import Changes, Compacted, EpochChanged, TailEvent
from muster.storage.plan import closed, size

EPOCH_BITS = 64


def mint_epoch(rng: Random) -> str:
    """The name of a new history: 16 hex digits."""
    return f"{rng.getrandbits(EPOCH_BITS):0{EPOCH_BITS // 4}x}"


class History:
    """Transactions above `floor`, up to `head`, of the history called `epoch`.

    `known`: the store itself was seen at this revision, which may be above `head` while its changes are on their way here.
    """

    def __init__(self, *, epoch: str, revision: int, budget: int = limits.STORE_HISTORY_BYTES) -> None:
        self.epoch = epoch
        self.floor = self.head = self.known = revision
        self._budget = budget
        self._recent: deque[Changes] = deque()
        self._forgotten = 0
        self._bytes = 0
        self._closed = False
        self._turn = asyncio.Event()

    def __repr__(self) -> str:
        return f"<History {self.epoch} {self.floor}..{self.head} {self._bytes} bytes>"

    def publish(self, changes: Sequence[Changes]) -> None:
        """Append transactions that are durable, and wake every tail."""
        self._forget()  # before appending: a tail that is up to date always finds what comes next
        for each in changes:
            assert each.revision > self.head, (each.revision, self.head)
            self._recent.append(each)
            self._bytes += size(each)
            self.head = each.revision
        self.known = max(self.known, self.head)
        self._wake()

    def _forget(self) -> None:
        while self._bytes > self._budget:
            forgotten = self._recent.popleft()
            self._bytes -= size(forgotten)
            self.floor = forgotten.revision
            self._forgotten += 1

    def replace(self, *, epoch: str, revision: int) -> None:
        """Another history begins here, and every tail of the old one is told, and ends; under the same name, those that have
        not reached `revision` are told that something is missing."""
        self._forgotten += len(self._recent)
        self._recent.clear()
        self._bytes = 0
        self.epoch, self.floor, self.head, self.known = epoch, revision, revision, revision
        self._wake()

    def close(self) -> None:
        """Tails get what was published, then `StoreUnavailable`."""
        self._closed = True
        self._wake()

    async def until(self, revision: int) -> None:
        """Return when everything up to `revision` was published, or another history has begun, or this one is closed."""
        epoch = self.epoch
        while self.head < revision and self.epoch == epoch and not self._closed:
            await self._turn.wait()

    def _wake(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        """See `Store.tail`. The history meant is the one of now, whenever the first event is asked for."""
        return self._follow(after, self.epoch)

    async def _follow(self, after: int, epoch: str) -> AsyncIterator[TailEvent]:
        position = 0
        while True:
            if epoch != self.epoch:
                yield EpochChanged(self.epoch)
                return
            if not self.floor <= after <= self.known:
                yield Compacted()
                return
            position = self._next(after, position)
            if position < self._forgotten + len(self._recent):
                changes = self._recent[position - self._forgotten]
                yield changes
                after = changes.revision
            elif self._closed:
                raise closed()
            else:
                await self._turn.wait()

    def _next(self, after: int, position: int) -> int:
        """The place of the first transaction above `after`, counted from the first one ever; `position` is not behind it."""
        end = self._forgotten + len(self._recent)
        position = max(position, self._forgotten)
        while position < end and self._recent[position - self._forgotten].revision <= after:
            position += 1
        return position
