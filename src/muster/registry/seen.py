"""What the tail has applied: where the writer waits for its own transactions, and learns of those whose answer was lost."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from muster.model import limits
from muster.registry.store import Stored


class Seen:
    """`revision` is the last one applied."""

    def __init__(self) -> None:
        self.revision = 0
        self._waits: list[tuple[int, asyncio.Future[None]]] = []
        self._ops: OrderedDict[str, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Seen @{self.revision} {len(self._waits)} waiting>"

    def applied(self, revision: int, op: str) -> None:
        self.revision = revision
        self._remember(op, revision)
        self._wake(revision)

    def loaded(self, revision: int, records: Sequence[Stored]) -> None:
        """The tail begins anew. Whoever waits for a revision need not wait on: it is in there, or of another history."""
        self.revision = revision
        for stored in sorted(records, key=lambda stored: stored.revision)[-limits.OPERATIONS_REMEMBERED :]:
            self._remember(stored.op, stored.revision)
        self._wake(max((at for at, _ in self._waits), default=revision))

    def saw(self, op: str) -> int | None:
        """The revision of an operation, if it was seen lately."""
        return self._ops.get(op)

    async def until(self, revision: int) -> None:
        if self.revision < revision:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waits.append((revision, future))
            await future

    def _remember(self, op: str, revision: int) -> None:
        self._ops[op] = revision
        if len(self._ops) > limits.OPERATIONS_REMEMBERED:
            self._ops.popitem(last=False)

    def _wake(self, revision: int) -> None:
        waits, self._waits = self._waits, []
        for at, future in waits:
            if at > revision:
                self._waits.append((at, future))
            elif not future.done():
                future.set_result(None)
