"""Refused connections: proof that nobody listens, unless somebody else says so.

A refusal passes the guard. But where most of a zone is refused and goes on renewing its leases, a firewall refuses in the
instances' place: then refusals prove nothing there, until they end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from muster.model import limits

from .zone import Zone


class Refusals:
    """Who is refused now, by zone, and since when. `zones` is the leases' own table."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = zones
        self._zone_of: dict[str, str] = {}
        self._refused: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._zone_of)

    def found(self, zone: str, key: str, now: float) -> None:
        """A probe of `key`, which is in `zone`, was refused."""
        if self._zone_of.get(key, zone) != zone:
            self.forget(key)
        self._zone_of[key] = zone
        self._refused.setdefault(zone, {}).setdefault(key, now)

    def forget(self, key: str) -> None:
        """It was not refused any more, or is gone."""
        zone = self._zone_of.pop(key, None)
        if zone is not None:
            del self._refused[zone][key]
            if not self._refused[zone]:
                del self._refused[zone]

    def lying(self, renewed: Callable[[str], float]) -> set[str]:
        """The zones whose refusals a firewall makes. `renewed` tells when the lease of a key was last renewed."""
        return {zone for zone in self._refused if self._lies(zone, renewed)}

    def _lies(self, zone: str, renewed: Callable[[str], float]) -> bool:
        """True if most of the zone is refused, and most of those renewed after it and are not overdue: whoever has fallen silent since
        may have died behind the firewall. The first few hundred stand for all."""
        refused, known = self._refused[zone], self._zones.get(zone)
        if known is None or len(refused) < limits.GUARD_MINIMUM:
            return False
        if len(refused) <= known.leased * limits.FIREWALL_SHARE:
            return False
        sample = list(islice(refused.items(), limits.FIREWALL_SAMPLE))
        alive = sum(renewed(key) > at and key not in known.overdue for key, at in sample)
        return alive >= limits.GUARD_MINIMUM and alive * 2 >= len(sample)

    def of(self, zone: str) -> list[str]:
        return list(self._refused.get(zone, ()))
