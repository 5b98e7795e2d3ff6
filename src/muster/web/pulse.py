"""The pulse of the streams: each says every `ALIVE_S` that it lives, spread over slots so that no turn of the loop serves them all."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from muster.model import limits

SLOTS = 40
"""20 a second: with 10,000 streams a slot serves 250."""


class Beating(Protocol):
    def beat(self) -> None: ...


T = TypeVar("T", bound=Beating)


class Pulse(Generic[T]):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[set[T]] = [set() for _ in range(SLOTS)]
        self._slot_of: dict[T, int] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def add(self, stream: T) -> None:
        """The stream beats for the first time a whole period from now."""
        slot = (self._next - 1) % SLOTS
        self._slots[slot].add(stream)
        self._slot_of[stream] = slot
        self._arm()

    def remove(self, stream: T) -> None:
        slot = self._slot_of.pop(stream, None)
        if slot is not None:
            self._slots[slot].discard(stream)

    def streams(self) -> list[T]:
        return list(self._slot_of)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Tick only while there is somebody to tick for."""
        if self._timer is None and self._slot_of:
            self._timer = self._loop.call_later(limits.ALIVE_S / SLOTS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        slot, self._next = self._next, (self._next + 1) % SLOTS
        for stream in tuple(self._slots[slot]):
            stream.beat()
        self._arm()
