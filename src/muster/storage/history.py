"""The recent transactions of a store, kept in memory for its tails.

A tail is a number: the revision it has reached. Revisions within one history are consecutive, so the transaction after
`after` is found by subtraction, and a reader costs nothing while it waits. The history belongs to the event loop and is never
touched by another thread.
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
    """Transactions `floor + 1 .. head` of the history called `epoch`."""

    def __init__(self, *, epoch: str, revision: int, budget: int = limits.STORE_HISTORY_BYTES) -> None:
        self.epoch = epoch
        self.head = revision
        self._budget = budget
        self._recent: deque[Changes] = deque()
        self._bytes = 0
        self._closed = False
        self._turn = asyncio.Event()

    def __repr__(self) -> str:
        return f"<History {self.epoch} {self.floor}..{self.head} {self._bytes} bytes>"

    @property
    def floor(self) -> int:
        """The lowest revision a tail can start from."""
        return self.head - len(self._recent)

    def publish(self, changes: Sequence[Changes]) -> None:
        """Append transactions that are durable, and wake every tail."""
        self._forget()  # before appending: a tail that is up to date always finds what comes next
        for each in changes:
            assert each.revision == self.head + 1, (each.revision, self.head)
            self._recent.append(each)
            self._bytes += size(each)
            self.head = each.revision
        self._wake()

    def _forget(self) -> None:
        while self._bytes > self._budget:
            self._bytes -= size(self._recent.popleft())

    def replace(self, *, epoch: str, revision: int) -> None:
        """Another history begins here: every tail of the old one is told, and ends."""
        self._recent.clear()
        self._bytes = 0
        self.epoch, self.head = epoch, revision
        self._wake()

    def close(self) -> None:
        """Tails get what was published, then `StoreUnavailable`."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        """See `Store.tail`. The history meant is the one of now, whenever the first event is asked for."""
        return self._follow(after, self.epoch)

    async def _follow(self, after: int, epoch: str) -> AsyncIterator[TailEvent]:
        while True:
            if epoch != self.epoch:
                yield EpochChanged(self.epoch)
                return
            if not self.floor <= after <= self.head:
                yield Compacted()
                return
            if after < self.head:
                yield self._recent[after - self.floor]
                after += 1
            elif self._closed:
                raise closed()
            else:
                await self._turn.wait()
