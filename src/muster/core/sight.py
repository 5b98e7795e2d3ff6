"""Sight: whether the registry sees anything at all, and whom it has ever seen.

Silence proves something only where somebody else is heard. So before an instance leaves by silence (its lease, a check, a
suspicion), somebody else of its zone must have been heard just now: a renewal, a push, an answered probe. If nobody was,
witnesses are asked, instances of the zone that answered before; until one does, the doubt is about us. The guard counts who is
silent and reacts within heartbeats; this reacts within probes, so that the first to fall silent is safe too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from msgspec import Struct

from muster.model import limits

from .bucket import Bucket
from .wheel import NEVER, Wheel
from .zone import Zone


class Sight:
    """`zones` is the leases' own table."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = zones
        self._witnesses: dict[str, dict[str, None]] = {}
        self._asked: dict[str, float] = {}

    def answered(self, zone: str, key: str) -> None:
        """A probe of `key` was answered: it can be asked again as a witness. The latest few of a zone are kept."""
        known = self._witnesses.setdefault(zone, {})
        if key not in known:
            known[key] = None
            if len(known) > limits.WITNESSES:
                del known[next(iter(known))]

    def forget(self, zone: str, key: str) -> None:
        known = self._witnesses.get(zone, {})
        known.pop(key, None)
        if not known:
            self._witnesses.pop(zone, None)
            self._asked.pop(zone, None)

    def lost(self, zone: str, since: float) -> bool:
        """True if nobody of the zone was heard after `since`; of any zone, for an instance that has a zone to itself."""
        own = self._zones.get(zone)
        if own is not None and own.leased > 1:
            return own.heard <= since
        others = [other for other in self._zones.values() if other.leased]
        return len(others) > 1 and all(other.heard <= since for other in others)

    def ask(self, zone: str, key: str, now: float) -> list[str]:
        """Witnesses to ask whether the zone of `key` is seen; none if that was just done."""
        if now < self._asked.get(zone, float("-inf")) + limits.WITNESS_PAUSE_S:
            return []
        witnesses = [other for other in self._around(zone) if other != key][: limits.WITNESSES]
        if witnesses:
            self._asked[zone] = now
        return witnesses

    def _around(self, zone: str) -> Iterator[str]:
        own = self._zones.get(zone)
        if own is not None and own.leased > 1:
            yield from self._witnesses.get(zone, ())
        else:
            for witnesses in self._witnesses.values():
                yield from witnesses


class _Waiting(Struct, gc=False):
    """An instance that did not answer its first probe yet. `delay` (s) doubles with every further one."""

    key: str
    delay: float
    wake: int = NEVER


class FirstProbes:
    """Instances that wait for their first probe, which learns whether the registry can reach them at all.

    Who does not answer is asked again, later and later: it may not have listened yet, or something stood between us.
    """

    def __init__(self, now: float) -> None:
        # A plain dict would look through the places of all that are gone to find its first.
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._budget = Bucket(limits.REACH_PROBES_PER_S, limits.REACH_PROBES_BURST, now)
        self._unanswered: dict[str, _Waiting] = {}
        self._wheel: Wheel[_Waiting] = Wheel()

    def put(self, key: str) -> None:
        self._waiting[key] = None

    def unanswered(self, key: str, now: float) -> None:
        before = self._unanswered.get(key)
        delay = min(before.delay * 2, limits.REACH_RETRY_MAX_S) if before else limits.REACH_RETRY_S
        again = self._unanswered[key] = _Waiting(key, delay)
        self._wheel.put(again, now + delay)

    def forget(self, key: str) -> None:
        """It answered, or is gone."""
        self._waiting.pop(key, None)
        if again := self._unanswered.pop(key, None):
            again.wake = NEVER

    def due(self, now: float) -> list[str]:
        """Those whose turn it is, first come, first served."""
        for again in self._wheel.due(now, limits.DUE_PER_TICK):
            self.put(again.key)
        due: list[str] = []
        while self._waiting and self._budget.take(now):
            key, _ = self._waiting.popitem(last=False)
            due.append(key)
        return due

    def next_deadline(self, now: float) -> float | None:
        """Where many wait, a few go together: a turn for each would cost more than its probe."""
        together = min(len(self._waiting), limits.REACH_PROBES_AT_ONCE)
        return self._budget.ready_at(now, together) if together else self._wheel.next_deadline()
