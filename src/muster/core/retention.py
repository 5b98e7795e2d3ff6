"""Retention: records that the registry will remove by itself, expired for too long or critical for too long."""

from __future__ import annotations

from msgspec import Struct

from muster.model.record import Record

from .commands import Remove
from .state import Entry
from .wheel import NEVER, Wheel


class _Removal(Struct, gc=False):
    command: Remove
    wake: int = NEVER


class Retention:
    """`keep` (s) is how long an expired record stays, for a heartbeat to revive it and a person to ask what happened."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._removals: dict[str, _Removal] = {}
        self._wheel: Wheel[_Removal] = Wheel()

    def follow(self, entry: Entry, now: float, wall: int) -> None:
        """Set the removal of `entry` that its committed facts ask for, or none. `wall` in ms."""
        record = entry.record
        self.forget(entry.key)
        after = self._after(record, wall)
        if after is not None:
            command = Remove(entry.key, record.generation, entry.status)
            removal = self._removals[entry.key] = _Removal(command)
            self._wheel.put(removal, now + after)

    def _after(self, record: Record, wall: int) -> float | None:
        """Seconds from now; None for never. Never longer than the whole wait, whatever the wall clock did."""
        facts, critical_after = record.facts, record.instance.deregister_critical_after
        if facts.expired_at:
            since, wait = facts.expired_at, self._keep
        elif facts.failing_since and critical_after:
            since, wait = facts.failing_since, critical_after
        else:
            return None
        return min(max(wait - (wall - since) / 1000, 0.0), wait)

    def again(self, key: str, at: float) -> None:
        """The removal could not be committed."""
        if removal := self._removals.get(key):
            self._wheel.put(removal, at)

    def forget(self, key: str) -> None:
        if removal := self._removals.pop(key, None):
            removal.wake = NEVER

    def due(self, now: float, most: int) -> list[Remove]:
        return [removal.command for removal in self._wheel.due(now, most)]

    def next_deadline(self) -> float | None:
        return self._wheel.next_deadline()
