"""Suspicion: a hint that an instance may be dead, and the quick probes that confirm or drop it.

A hint never decides. A lost session or a caller's failed call raises a suspicion; the registry probes the endpoint at once, if
it has ever reached it. Refused: a verdict now. No answer to three quick probes: a verdict, unless the instance was heard
meanwhile or the guard holds. An answer: nothing happened. Every verdict installs a recovery probe that takes it back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from muster.model import limits

from .wheel import NEVER, Wheel


class Bucket(Struct, gc=False):
    """A token bucket: `rate` per s up to `burst`. Time is an argument."""

    rate: float
    burst: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Budget:
    """One bucket per name (a source address, an instance), the least recently used forgotten first."""

    def __init__(self, rate: float, burst: float, room: int) -> None:
        self._rate, self._burst, self._room = rate, burst, room
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float) -> bool:
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._room:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = Bucket(self._rate, self._burst, self._burst, now)
        self._buckets.move_to_end(name)
        return bucket.take(now)


Cause = Literal["session lost", "reported", "overdue"]


class Suspicion(Struct, gc=False):
    """One open suspicion. `attempts` counts probes that nobody answered."""

    key: str
    generation: int
    since: float
    cause: Cause
    attempts: int = 0
    running: bool = False
    wake: int = NEVER

    def __repr__(self) -> str:
        return f"<Suspicion {self.key} {self.cause} attempts={self.attempts}>"


class Recovery(Struct, gc=False):
    """The probe that takes a verdict back, or watches an overdue instance for a sign of life."""

    key: str
    generation: int
    delay: float
    running: bool = False
    wake: int = NEVER


class Suspicions:
    """Open suspicions and recoveries by key, and who may raise how many."""

    def __init__(self) -> None:
        self._open: dict[str, Suspicion] = {}
        self._recoveries: dict[str, Recovery] = {}
        self._waiting: deque[Suspicion] = deque()
        self._recovery_due: deque[Recovery] = deque()
        self._wheel: Wheel[Suspicion | Recovery] = Wheel()
        self._probes = Bucket(
            limits.SUSPICION_PROBES_PER_S, limits.SUSPICION_PROBES_BURST, limits.SUSPICION_PROBES_BURST, 0.0
        )
        self._sights = Bucket(
            limits.SIGHT_PROBES_PER_S, limits.SIGHT_PROBES_PER_S, limits.SIGHT_PROBES_PER_S, 0.0
        )
        self._sources = Budget(
            limits.REPORTS_PER_SOURCE_PER_S, limits.REPORTS_PER_SOURCE_BURST, limits.REPORT_SOURCES
        )
        self._instances = Budget(
            limits.REPORTS_PER_INSTANCE_PER_S, limits.REPORTS_PER_INSTANCE_BURST, limits.INSTANCES
        )
        self.reached: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, key: str) -> Suspicion | None:
        return self._open.get(key)

    def all(self) -> Iterator[Suspicion]:
        return iter(self._open.values())

    def admit(self, source: str, key: str, now: float) -> bool:
        """Whether a report from `source` (an address, never a claimed name) about `key` is within the budgets."""
        return self._sources.take(source, now) and self._instances.take(key, now)

    def raise_(self, key: str, generation: int, cause: Cause, now: float) -> None:
        """Open a suspicion, if the instance was ever reached: what we cannot reach we cannot judge."""
        if key in self._open or key not in self.reached or len(self._open) >= limits.SUSPICIONS:
            return
        if cause == "overdue" and not self._sights.take(now):
            return
        suspicion = self._open[key] = Suspicion(key, generation, now, cause)
        self._waiting.append(suspicion)

    def ask_again(self, suspicion: Suspicion, at: float) -> None:
        self._wheel.put(suspicion, at)

    def close(self, suspicion: Suspicion) -> None:
        if self._open.get(suspicion.key) is suspicion:
            del self._open[suspicion.key]
        suspicion.wake = NEVER

    def recover(self, key: str, generation: int, now: float) -> None:
        """Install the recovery probe of a verdict, unless it runs already."""
        known = self._recoveries.get(key)
        if known is not None and known.generation == generation:
            return
        self.recovered(key)
        recovery = self._recoveries[key] = Recovery(key, generation, limits.RECOVERY_PROBE_MIN_S)
        self._wheel.put(recovery, now + recovery.delay)

    def again(self, recovery: Recovery, now: float) -> None:
        """Nobody answered: the next one later, up to RECOVERY_PROBE_MAX_S."""
        recovery.running = False
        if self._recoveries.get(recovery.key) is recovery:
            recovery.delay = min(recovery.delay * 2, limits.RECOVERY_PROBE_MAX_S)
            self._wheel.put(recovery, now + recovery.delay)

    def recovered(self, key: str) -> None:
        if recovery := self._recoveries.pop(key, None):
            recovery.wake = NEVER

    def forget(self, key: str) -> None:
        """The instance is gone, or is another one now."""
        if suspicion := self._open.get(key):
            self.close(suspicion)
        self.recovered(key)
        self.reached.discard(key)

    def due(self, now: float, most: int) -> list[Suspicion | Recovery]:
        """What is to be probed now, within the budget of all."""
        for item in self._wheel.due(now, most):
            if isinstance(item, Suspicion):
                self._waiting.append(item)
            elif self._recoveries.get(item.key) is item:
                item.running = True
                self._recovery_due.append(item)
        return self._take(now, most)

    def _take(self, now: float, most: int) -> list[Suspicion | Recovery]:
        asked: list[Suspicion | Recovery] = []
        while len(asked) < most and (self._waiting or self._recovery_due) and self._probes.take(now):
            if not self._waiting:
                asked.append(self._recovery_due.popleft())
                continue
            suspicion = self._waiting.popleft()
            if self._open.get(suspicion.key) is suspicion:
                suspicion.running = True
                asked.append(suspicion)
        return asked

    def next_deadline(self, now: float) -> float | None:
        return now if self._waiting or self._recovery_due else self._wheel.next_deadline()
