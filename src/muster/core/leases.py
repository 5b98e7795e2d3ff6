"""Leases: the promises that keep instances listed. They live in memory; a renewal is not a write.

A lease comes up in the wheel when it might be overdue, not at every heartbeat; whoever renewed meanwhile is filed again. So a
heartbeat is one look-up and two assignments, and 100,000 leases cost a few thousand wheel turns a second.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from muster.model import limits
from muster.model.instance import LeaseTerms
from muster.model.record import Record

from .ownership import ALONE, Roster
from .state import Entry
from .wheel import NEVER, Wheel
from .zone import Zone

Phase = Literal["held", "overdue", "lapsing", "expiring", "lapsed", "promised"]

NOW = float("-inf")
_DECIDED_BY_THE_STORE = frozenset({"expiring", "lapsed", "promised"})
"""Phases in which a renewal has to be written."""


class Lease(Struct, gc=False):
    """One promise. `renewed` is when it was last kept (s); `phase` says what the registry made of its silence.

    held      in time
    overdue   no renewal for 1.5 intervals: marked, or being marked
    lapsing   past its time, its expiry queued; a renewal still calls it off
    expiring  the expiry is being committed; until its outcome is known, renewals wait for it
    lapsed    expired; a renewal revives it by a write
    promised  another replica's, who was told that nobody here heard of it: a renewal is written to the record. Ours as well, if that one
              does not know yet, or we do not; its time goes on here, for it may be over there

    `mine`: this replica owns it; nothing follows from its silence anywhere else. `granted` is when it last counted as renewed without
    being heard (it was loaded, taken over); `before`, when it was last heard before that; `graced`: taken over and not heard since;
    `marked`: since when its record says overdue, as far as is known here (infinity: it does not). `owed`: it does not lapse before that.
    """

    key: str
    generation: int
    ttl: float
    interval: float
    owner: bytes
    zone: Zone
    renewed: float
    phase: Phase = "lapsed"
    wake: int = NEVER
    mine: bool = True
    granted: float = float("-inf")
    before: float = float("-inf")
    graced: bool = False
    marked: float = float("inf")
    owed: float = float("-inf")

    @property
    def heard(self) -> float:
        """When it was last really heard, here or by whom we asked."""
        return self.renewed if self.renewed > self.granted else self.before

    def grant(self, at: float) -> None:
        """It counts as renewed at that moment, though nobody heard it."""
        if at >= self.renewed:
            self.before = self.heard
            self.renewed = self.granted = at

    @property
    def patience(self) -> float:
        """How long it may be silent before it is overdue (s)."""
        return self.interval * limits.OVERDUE_INTERVALS

    @property
    def overdue_at(self) -> float:
        return self.renewed + self.patience

    @property
    def expires_at(self) -> float:
        return max(self.renewed + self.ttl, self.owed)

    def __repr__(self) -> str:
        return f"<Lease {self.key} ttl={self.ttl:g}s {self.phase} expires@{self.expires_at:.1f}>"


class Renewal(Enum):
    """What became of a heartbeat. `SLOW` ones need the writer: the shell sends `Revive` and answers when it is decided."""

    RENEWED = "renewed"
    MARKED = "renewed, and its overdue mark is to be taken off"
    SLOW = "the lease has lapsed or is lapsing"
    STATIC = "the instance has no lease"
    UNKNOWN = "no such instance"
    SUPERSEDED = "a newer generation holds the id"
    NOT_OWNER = "the owner secret does not match"


class Leases:
    """Every lease by key; `zones` are shared with the guard, and count what this replica owns. `unsure`: leases of which nothing was
    heard here for too long, while there are others to ask; they are filed nowhere until somebody asked."""

    def __init__(self, roster: Roster = ALONE) -> None:
        self.roster = roster
        self.unsure: list[Lease] = []
        self._leases: dict[str, Lease] = {}
        self._wheel: Wheel[Lease] = Wheel()
        self.zones: dict[str, Zone] = {}
        self._unassigned: list[str] = []
        self.longest = 0.0
        self.renewals = 0

    def __len__(self) -> int:
        return len(self._leases)

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
            self._uncount(lease)
            lease.phase = "lapsed"
            lease.wake = NEVER

    def drop(self, key: str) -> None:
        lease = self._leases.pop(key, None)
        if lease is None:
            return
        lease.wake = NEVER
        if lease.phase != "lapsed":
            self._uncount(lease)

    def _uncount(self, lease: Lease) -> None:
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
        """(newly overdue, overdue still, past their time). The last stay filed nowhere: expire, or `postpone` them."""
        overdue: list[Lease] = []
        still: list[Lease] = []
        lapsing: list[Lease] = []
        for lease in self._wheel.due(now, most):
            if not lease.mine:
                continue
            if lease.phase == "held" and now < lease.overdue_at:
                self._wheel.put(lease, lease.overdue_at)
            elif lease.phase == "held" and self.roster.others:
                self.unsure.append(lease)
            elif lease.phase == "held":
                self.silence(lease, now)
                overdue.append(lease)
            elif lease.phase == "promised" and now < lease.expires_at:
                self._wheel.put(lease, lease.expires_at)
            elif lease.phase == "overdue" and now < lease.expires_at:
                self._look_again(lease, now)
                still.append(lease)
            elif lease.phase in ("overdue", "promised"):
                self._silence(lease)
                lapsing.append(lease)
        return overdue, still, lapsing

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
        return NOW if self._unassigned else self._wheel.next_deadline()

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

    # --- Several replicas -------------------------------------------------------------------------------------------

    def assign(self, roster: Roster, now: float) -> None:
        """These are the replicas now: let go of what is another's, take over what is ours; the first of them at once, the others by
        `reassign`. A lease that waits for it is nobody's, or two replicas', for a moment: neither lets it lapse without the other."""
        known, self.roster = self.roster, roster
        if (known.me, known.members) != (roster.me, roster.members):
            self._unassigned = list(self._leases)
            self.reassign(now)

    def reassign(self, now: float) -> None:
        """Look at the next `ASSIGNED_PER_TICK` leases that may have another owner now."""
        some = self._unassigned[-limits.ASSIGNED_PER_TICK :]
        del self._unassigned[-limits.ASSIGNED_PER_TICK :]
        for lease in filter(None, map(self._leases.get, some)):
            mine = self.roster.mine(lease.key)
            if mine and not lease.mine:
                self._adopt(lease, now)
            elif lease.mine and not mine:
                self._let_go(lease)

    def _adopt(self, lease: Lease, now: float) -> None:
        """Whoever heard it may be gone, so it gets a grace. Not again soon, or replicas that come and go would keep the dead alive for
        ever: then it is overdue at once, and others are asked. Who hears of it once it is marked takes the mark off, by a write; so
        nobody has since, and its time runs from there, wherever it is taken over."""
        lease.mine = True
        if lease.phase == "lapsed":
            return
        lease.zone.leased += 1
        rested = now - lease.granted > limits.ADOPTION_GRACE_AGAIN_TTLS * lease.ttl
        if not lease.graced or rested or lease.heard > lease.granted:
            grace = max(limits.ADOPTION_GRACE_S, lease.patience)
            lease.grant(now - max(lease.ttl - grace, 0.0))
            lease.graced = True
        else:
            silent = min(now, lease.marked)
            lease.grant(silent - lease.patience)
            lease.owed = silent + lease.ttl
        if lease.phase == "overdue":
            self.silence(lease, now)
        elif lease.phase in ("held", "promised"):
            lease.phase = "held"
            self._wheel.put(lease, lease.overdue_at)

    def _let_go(self, lease: Lease) -> None:
        if lease.phase != "lapsed":
            self._uncount(lease)
        lease.mine = False
        if lease.phase == "lapsing":
            lease.phase = "overdue"

    def heard_elsewhere(self, lease: Lease, at: float) -> None:
        """Another replica heard it then."""
        lease.before = max(lease.before, at)
        if at > lease.renewed:
            lease.renewed = at
            lease.zone.heard = max(lease.zone.heard, at)

    def revived_elsewhere(self, key: str, now: float) -> None:
        """Another replica took its overdue mark off: it heard it just now."""
        lease = self._leases.get(key)
        if lease is not None and lease.mine and lease.phase in ("overdue", "lapsing"):
            self.heard_elsewhere(lease, now)
            self.resume(lease)

    def resume(self, lease: Lease) -> None:
        """It is in time after all."""
        lease.phase = "held"
        lease.zone.overdue.discard(lease.key)
        lease.zone.sighted.discard(lease.key)
        self._wheel.put(lease, lease.overdue_at)

    def take_unsure(self) -> list[Lease]:
        unsure, self.unsure = self.unsure, []
        return unsure

    def contested(self, key: str) -> bool:
        """Whether its owner was promised that it may lapse."""
        lease = self._leases.get(key)
        return lease is not None and lease.phase == "promised"

    def promise(self, lease: Lease) -> None:
        """Its owner was told that nobody here heard of it."""
        if lease.phase in ("held", "overdue"):
            lease.phase = "promised"
            if lease.mine:  # whatever we were about to find out is not heeded any more
                self._wheel.put(lease, lease.expires_at)

    def remember(self, old: Leases) -> None:
        """After everything was loaded again: what was heard before counts as such."""
        for key, lease in self._leases.items():
            known = old.get(key)
            if known is not None and known.generation == lease.generation:
                lease.before = known.heard


def of_static(record: Record, generation: int, owner: bytes) -> Renewal:
    """There is nothing to renew; but who was replaced by a static instance must learn it as from any other."""
    if generation and generation != record.generation:
        return Renewal.SUPERSEDED
    if record.owner and owner != record.owner:
        return Renewal.NOT_OWNER
    return Renewal.STATIC
