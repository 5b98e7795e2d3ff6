"""Suspicion: a hint that an instance may be dead, and the quick probes that confirm or drop it.

A hint never decides. A lost session or a caller's failed call raises a suspicion; the registry probes the endpoint at once, if
it has ever reached it. Refused: a verdict now. No answer to three quick probes: a verdict, unless the instance was heard
meanwhile or the guard holds. An answer: nothing happened; after a lost session it is asked again for a while, for a killed
process goes on listening until its memory is freed. Every verdict installs a recovery probe that takes it back.

This file keeps what is open and due; `verdicts` says what the answers mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from muster.model import limits

from .bucket import Bucket, Buckets
from .wheel import NEVER, Wheel

Cause = Literal["session lost", "reported", "overdue"]


class Suspicion(Struct, gc=False):
    """One open suspicion. `attempts` counts probes that nobody answered; `heard`: the instance gave some sign of life;
    `decided`: the verdict is being committed."""

    key: str
    generation: int
    since: float
    cause: Cause
    attempts: int = 0
    heard: bool = False
    decided: bool = False
    wake: int = NEVER

    def __repr__(self) -> str:
        return f"<Suspicion {self.key} {self.cause} attempts={self.attempts}>"


class Recovery(Struct, gc=False):
    """The probe that takes a verdict back."""

    key: str
    generation: int
    delay: float
    wake: int = NEVER


class Suspicions:
    """Open suspicions and recoveries by key, and who may raise how many. `reached`: instances that ever answered a probe."""

    def __init__(self, now: float) -> None:
        self._open: dict[str, Suspicion] = {}
        self._recoveries: dict[str, Recovery] = {}
        self._waiting: deque[Suspicion] = deque()
        self._recovery_due: deque[Recovery] = deque()
        self._wheel: Wheel[Suspicion | Recovery] = Wheel()
        self._probes = Bucket(limits.SUSPICION_PROBES_PER_S, limits.SUSPICION_PROBES_BURST, now)
        self._sights = Bucket(limits.SIGHT_PROBES_PER_S, limits.SIGHT_PROBES_PER_S, now)
        self._sources = Buckets(
            limits.REPORTS_PER_SOURCE_PER_S, limits.REPORTS_PER_SOURCE_BURST, limits.REPORT_SOURCES
        )
        self._instances = Buckets(
            limits.REPORTS_PER_INSTANCE_PER_S, limits.REPORTS_PER_INSTANCE_BURST, limits.INSTANCES
        )
        self._losses = Buckets(
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

    def admit_loss(self, key: str, now: float) -> bool:
        """Whether another lost session of `key` is within its budget: who opens and drops streams must not have us probe at
        his pace. By instance alone, for a host that dies loses all of its sessions at once."""
        return self._losses.take(key, now)

    def raise_(self, key: str, generation: int, cause: Cause, now: float) -> None:
        """Open a suspicion, if the instance was ever reached: what we cannot reach we cannot judge."""
        known = self._open.get(key)
        if known is not None:
            if known.cause == "overdue":
                known.cause, known.since = cause, now
            return
        if key not in self.reached or len(self._open) >= limits.SUSPICIONS:
            return
        if cause == "overdue" and not self._sights.take(now):
            return
        suspicion = self._open[key] = Suspicion(key, generation, now, cause)
        self._waiting.append(suspicion)

    def heard(self, key: str) -> None:
        """The instance gave a sign of life: silent probes alone make no verdict of what is suspected of it now."""
        if suspicion := self._open.get(key):
            suspicion.heard = True

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
                asked.append(suspicion)
        return asked

    def next_deadline(self, now: float) -> float | None:
        if self._waiting or self._recovery_due:
            return self._probes.ready_at(now)
        return self._wheel.next_deadline()
