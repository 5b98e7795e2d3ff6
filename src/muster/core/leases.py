"""Leases: the promises that keep instances listed. They live in memory; a renewal is not a write.

A lease comes up in the wheel when it might be overdue, not at every heartbeat; whoever renewed meanwhile is filed again. So a
heartbeat is one look-up and two assignments, and 100,000 leases cost a few thousand wheel turns a second.

Of a lease that is not `mine` only the heartbeats are kept, for its owner to ask about (`inquiry.py`); who owns which changes in
`handover.py`. A registry alone owns them all.
"""

from __future__ import annotations

from collections.abc import Iterator

from muster.model import limits
from muster.model.instance import LeaseTerms

from .lease import Lease
from .ownership import ALONE, Roster
from .renewal import Renewal
from .state import Entry
from .wheel import NEVER, Wheel
from .zone import Zone

_DECIDED_BY_THE_STORE = frozenset({"expiring", "lapsed", "promised"})
"""Phases in which a renewal has to be written."""


class Leases:
    """Every lease by key. `zones` are shared with the guard, and count what this replica owns; `roster` says what that is."""

    def __init__(self, roster: Roster = ALONE) -> None:
        self.roster = roster
        self._leases: dict[str, Lease] = {}
        self._wheel: Wheel[Lease] = Wheel()
        self.zones: dict[str, Zone] = {}
        self.longest = 0.0
        self.renewals = 0

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[str]:
        return iter(self._leases)

    @property
    def owned(self) -> int:
        """How many run here, and would lapse here."""
        return sum(zone.leased for zone in self.zones.values())

    def get(self, key: str) -> Lease | None:
        return self._leases.get(key)

    def renewed(self, key: str) -> float:
        """When the instance last renewed its lease, if it has one."""
        lease = self._leases.get(key)
        return float("-inf") if lease is None else lease.renewed

    def renew(self, key: str, generation: int, owner: bytes, now: float) -> Renewal:
        """Take a heartbeat. `generation` 0 renews whatever is current. Hot: one call per heartbeat of every instance."""
        lease = self._leases.get(key)
        if lease is None:
            return Renewal.UNKNOWN
        if generation and generation != lease.generation:
            return Renewal.SUPERSEDED
        if lease.owner and owner != lease.owner:
            return Renewal.NOT_OWNER
        if lease.phase == "held":
            self.renewals += 1
            lease.renewed = lease.zone.heard = now
            return Renewal.RENEWED
        if lease.phase in _DECIDED_BY_THE_STORE:
            return Renewal.SLOW
        self.renewals += 1
        self.keep(lease, now)
        return Renewal.MARKED

    def keep(self, lease: Lease, now: float) -> None:
        """The instance spoke: whatever was about to follow from its silence is called off. What lapsed stays so."""
        if lease.phase == "lapsed":
            return
        lease.renewed = lease.zone.heard = now
        if lease.phase != "held":
            self.resume(lease)

    def resume(self, lease: Lease) -> None:
        """It is in time after all."""
        lease.phase = "held"
        lease.zone.overdue.discard(lease.key)
        lease.zone.sighted.discard(lease.key)
        self._wheel.put(lease, lease.overdue_at)

    def follow(self, entry: Entry, now: float) -> None:
        """Make the lease of `entry` what its committed record says: granted, changed, lapsed or revived."""
        record = entry.record
        terms = record.instance.lease
        if terms is None:
            self.drop(entry.key)
            return
        lease = self._leases.get(entry.key)
        zone = self._zone(record.instance.zone)
        if lease is None or lease.generation != record.generation or lease.zone is not zone:
            lease = self._grant(entry, terms, zone, now)
        lease.ttl, lease.interval, lease.owner = terms.ttl, terms.interval, record.owner
        lease.marked = min(lease.marked, now) if record.facts.overdue else float("inf")
        self.longest = max(self.longest, terms.ttl)
        if record.facts.expired_at:
            self._lapse(lease)
        elif lease.phase == "lapsed":
            self._begin(lease, now, overdue=record.facts.overdue)
        elif not lease.mine:
            lease.phase = "overdue" if record.facts.overdue else "held"
        elif lease.phase == "promised" and record.facts.overdue:
            self.silence(lease, now)
        elif lease.phase == "promised":
            self.resume(lease)
        elif lease.phase == "held":
            self._wheel.put(lease, lease.overdue_at)

    def _grant(self, entry: Entry, terms: LeaseTerms, zone: Zone, now: float) -> Lease:
        """A new promise. It begins as lapsed, which the record then has the last word on."""
        self.drop(entry.key)
        record = entry.record
        lease = Lease(entry.key, record.generation, terms.ttl, terms.interval, record.owner, zone, now)
        lease.granted = now
        lease.mine = self.roster.mine(entry.key)
        self._leases[entry.key] = lease
        return lease

    def _begin(self, lease: Lease, now: float, *, overdue: bool) -> None:
        """It runs from now. Loaded as overdue it stays so, in another run of its time, until it is heard from."""
        lease.grant(now)
        if not lease.mine:
            lease.phase = "overdue" if overdue else "held"
            return
        lease.zone.leased += 1
        if overdue:
            self._silence(lease)
            self._look_again(lease, now)
        else:
            lease.phase = "held"
            self._wheel.put(lease, lease.overdue_at)

    def _lapse(self, lease: Lease) -> None:
        if lease.phase != "lapsed":
            self.uncount(lease)
            lease.phase = "lapsed"
            lease.wake = NEVER

    def drop(self, key: str) -> None:
        lease = self._leases.pop(key, None)
        if lease is None:
            return
        lease.wake = NEVER
        if lease.phase != "lapsed":
            self.uncount(lease)

    def uncount(self, lease: Lease) -> None:
        """The guard counts it no more."""
        lease.zone.leased -= lease.mine
        lease.zone.overdue.discard(lease.key)
        lease.zone.unanswered.discard(lease.key)
        lease.zone.sighted.discard(lease.key)

    def not_expired(self, lease: Lease, again_at: float) -> None:
        """The expiry was not committed: the lease stands as overdue and comes up again."""
        if lease.phase in ("lapsing", "expiring"):
            lease.phase = "overdue"
            self._wheel.put(lease, again_at)

    def due(self, now: float, most: int) -> tuple[list[Lease], list[Lease], list[Lease]]:
        """(silent for too long now, overdue still, past their time). The first and the last stay filed nowhere: `silence`, expire or
        `postpone` them."""
        silent: list[Lease] = []
        still: list[Lease] = []
        lapsing: list[Lease] = []
        for lease in self._wheel.due(now, most):
            if not lease.mine:
                continue
            if lease.phase == "held" and now < lease.overdue_at:
                self._wheel.put(lease, lease.overdue_at)
            elif lease.phase == "held":
                silent.append(lease)
            elif lease.phase == "promised" and now < lease.expires_at:
                self._wheel.put(lease, lease.expires_at)
            elif lease.phase == "overdue" and now < lease.expires_at:
                self._look_again(lease, now)
                still.append(lease)
            elif lease.phase in ("overdue", "promised"):
                self._silence(lease)
                lapsing.append(lease)
        return silent, still, lapsing

    def silence(self, lease: Lease, now: float) -> None:
        """It is overdue, by all that is known."""
        self._silence(lease)
        self._look_again(lease, now)

    def _silence(self, lease: Lease) -> None:
        lease.phase = "overdue"
        lease.zone.overdue.add(lease.key)

    def _look_again(self, lease: Lease, now: float) -> None:
        self._wheel.put(lease, min(lease.expires_at, now + limits.OVERDUE_PROBE_S))

    def postpone(self, lease: Lease, until: float) -> None:
        self._wheel.put(lease, until)

    def next_deadline(self) -> float | None:
        return self._wheel.next_deadline()

    def _zone(self, name: str) -> Zone:
        zone = self.zones.get(name)
        if zone is None:
            if len(self.zones) >= limits.ZONES:
                self.forget_empty_zones()
            if len(self.zones) >= limits.ZONES:
                name = ""
            zone = self.zones.setdefault(name, Zone(name))
        return zone

    def forget_empty_zones(self) -> None:
        """Zones without a lease have nothing to guard; their names must not pile up."""
        for name in [name for name, zone in self.zones.items() if not zone.leased]:
            del self.zones[name]
