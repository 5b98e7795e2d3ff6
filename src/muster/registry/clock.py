"""The registry's time: monotonic seconds without the moments it stood still, and wall-clock milliseconds for people."""

from __future__ import annotations

import time
from collections.abc import Callable

from muster.model import limits


class Clock:
    """`now()` runs on as if pauses had not been, so every deadline moves with them.

    The registry ticks at least every `timer.TICK_S`; a gap of more than `CLOCK_JUMP_S` between two looks at the clock means that the
    process was stopped, the machine suspended or the loop stalled: nobody could be heard in it, so it does not count.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = lambda: time.time_ns() / 1e9,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._seen = monotonic()
        self._lost = 0.0
        self._unreported = 0.0

    def now(self) -> float:
        seen = self._monotonic()
        gap = seen - self._seen
        self._seen = seen
        if gap > limits.CLOCK_JUMP_S:
            self._lost += gap
            self._unreported += gap
        return seen - self._lost

    def wall(self) -> int:
        return int(self._wall() * 1000)

    def pause(self) -> float:
        """The pauses since the last call (s), 0.0 for none."""
        gap, self._unreported = self._unreported, 0.0
        return gap
