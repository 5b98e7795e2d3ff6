"""How late the event loop is: a timer that should fire every `PERIOD_S` measures by how much it did not."""

from __future__ import annotations

import asyncio
from collections import deque

from muster.observe.histogram import Histogram

PERIOD_S = 0.05
KEPT = 1_200
"""One minute of samples, for `muster status`."""


class LagMeter:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._samples: deque[float] = deque(maxlen=KEPT)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.histogram = Histogram()

    def start(self) -> None:
        self._due = self._loop.time() + PERIOD_S
        self._timer = self._loop.call_at(self._due, self._sample)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _sample(self) -> None:
        late = max(self._loop.time() - self._due, 0.0)
        self._samples.append(late)
        self.histogram.observe(late)
        self.start()

    def quantiles(self, *wanted: float) -> list[float]:
        """Seconds of lateness over the last minute; 1.0 is the largest."""
        ordered = sorted(self._samples) or [0.0]
        return [ordered[min(int(len(ordered) * q), len(ordered) - 1)] for q in wanted]
