"""Who comes next: a waiting line that is fair between hosts.

First come, first served within a host, and the hosts take turns; so ten thousand slow checks of one host do not
hold up the one check of another.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    __slots__ = ("_by_host", "_length", "_order")

    def __init__(self) -> None:
        self._by_host: dict[str, deque[T]] = {}
        self._order: deque[str] = deque()  # each waiting host once
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, host: str, item: T) -> None:
        waiting = self._by_host.get(host)
        if waiting is None:
            waiting = self._by_host[host] = deque()
            self._order.append(host)
        waiting.append(item)
        self._length += 1

    def take(self) -> T | None:
        """The next one, or None if nobody waits."""
        if not self._order:
            return None
        host = self._order.popleft()
        waiting = self._by_host[host]
        item = waiting.popleft()
        self._length -= 1
        if waiting:
            self._order.append(host)
        else:
            del self._by_host[host]
        return item
