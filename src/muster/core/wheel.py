"""A timing wheel: many deadlines, one timer. Items are filed under coarse slots of time and come back when their slot is due.

There is no cancel: an item knows the slot it is filed under (`wake`), and one that was filed again since is skipped when its old
slot comes up. So moving a deadline later, which every heartbeat does, costs nothing at all until the old one is reached.
"""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar

SLOTS_PER_S = 50
"""20 ms: finer than any promise needs."""
ROUNDING = 1e-6
"""Of a slot: 0.58 s is the beginning of slot 29, though 0.58 * 50 is a little less in binary."""
NEVER = -1


class Item(Protocol):
    wake: int


T = TypeVar("T", bound=Item)


class Wheel(Generic[T]):
    def __init__(self) -> None:
        self._slots: dict[int, list[T]] = {}
        self._order: list[int] = []

    def put(self, item: T, at: float) -> None:
        """File `item` to come up at `at` (s), instead of wherever it was filed before."""
        slot = int(at * SLOTS_PER_S) + 1
        if item.wake == slot:
            return
        item.wake = slot
        filed = self._slots.get(slot)
        if filed is None:
            self._slots[slot] = [item]
            heapq.heappush(self._order, slot)
        else:
            filed.append(item)

    def due(self, now: float, most: int) -> list[T]:
        """At most `most` items whose time has come; each is filed nowhere afterwards."""
        last = int(now * SLOTS_PER_S + ROUNDING)
        due: list[T] = []
        while self._order and self._order[0] <= last and len(due) < most:
            slot = self._order[0]
            filed = self._slots[slot]
            while filed and len(due) < most:
                item = filed.pop()
                if item.wake == slot:
                    item.wake = NEVER
                    due.append(item)
            if not filed:
                del self._slots[slot]
                heapq.heappop(self._order)
        return due

    def next_deadline(self) -> float | None:
        return self._order[0] / SLOTS_PER_S if self._order else None
