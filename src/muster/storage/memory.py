"""The store that forgets: records in a dict, for tests, for the simulator, and for a registry that may start empty.

No thread, no clock, no chance beyond the given source, so a run over it can be repeated exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from random import Random, SystemRandom

from muster.model import limits
from muster.registry.store import Batch, CommitOutcome, Loaded, Stored, TailEvent
from muster.storage.history import History, mint_epoch
from muster.storage.plan import ABSENT, check, closed, keys_of, plan


class MemoryStore:
    """A `Store` without a disk. `rng` mints epochs; `history_bytes` bounds what tails can go back to."""

    def __init__(self, *, rng: Random | None = None, history_bytes: int = limits.STORE_HISTORY_BYTES) -> None:
        self._rng = rng or SystemRandom()
        self._records: dict[str, Stored] = {}
        self._history = History(epoch=mint_epoch(self._rng), revision=ABSENT, budget=history_bytes)
        self._closed = False

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._records)} records {self._history!r}>"

    async def load(self) -> Loaded:
        self._check_open()
        return Loaded(tuple(self._records.values()), self._history.head, self._history.epoch)

    async def commit(self, batch: Batch) -> CommitOutcome:
        check(batch)
        self._check_open()
        revisions = {key: self._records[key].revision for key in keys_of([batch]) if key in self._records}
        planned = plan([batch], revisions, self._history.head)
        self._apply(planned.records)
        self._history.publish(planned.changes)
        await asyncio.sleep(0)  # tails run first: nobody learns of a commit before they could
        return planned.outcomes[0]

    def _apply(self, records: dict[str, Stored | None]) -> None:
        for key, record in records.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        self._check_open()
        return self._history.tail(after)

    def restore(self, records: Iterable[Stored]) -> None:
        """Hold these records instead, under a new epoch and above every revision told so far; live tails end."""
        self._records = {record.key: record for record in records}
        highest = max((record.revision for record in self._records.values()), default=ABSENT)
        self._history.replace(epoch=mint_epoch(self._rng), revision=max(highest, self._history.head) + 1)

    async def close(self) -> None:
        self._closed = True
        self._history.close()

    def _check_open(self) -> None:
        if self._closed:
            raise closed()
