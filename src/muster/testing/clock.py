"""A clock that moves when the test says so.

    clock = ManualClock()
    with Discovery(registry.url, ["web"], clock=clock) as discovery:
        ...
        clock.advance(120)
        assert discovery.mirror("web").age >= 120

It stands in for `time.monotonic` wherever a `clock` is taken. Whoever sleeps does so in real time: a test that wants
something done waits for it (`FakeRegistry.wait`, `Discovery.changes`), and asks the clock how old it is.
"""

from __future__ import annotations

import threading


class ManualClock:
    """Seconds since wherever it began. Safe to read and to advance from any thread."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ManualClock {self._now:g}>"

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Raises ValueError: what is monotonic goes forward."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock does not go back {-seconds:g} s")
        with self._lock:
            self._now += seconds
