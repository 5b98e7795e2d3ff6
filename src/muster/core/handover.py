"""Leases change hands, where several registries share one store: replicas come and go, and whoever owns a lease now takes it over.

Whoever owned it before may be gone, and what he heard with him. So a lease that is taken over gets a grace, in which its instance
finds its way here, or to another replica that says so when it is asked (`inquiry.py`).
"""

from __future__ import annotations

from muster.model import limits

from .lease import Lease
from .leases import Leases
from .ownership import Roster

NOW = float("-inf")


class Handover:
    """Keeps the roster of `leases`. A lease that waits for its turn is nobody's, or two replicas', for a moment: neither lets it lapse
    without the other."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._waiting: list[str] = []

    def assign(self, roster: Roster, now: float) -> None:
        """These are the replicas now: let go of what is another's, take over what is ours; the first of them at once, the others by
        `go_on`."""
        known, self._leases.roster = self._leases.roster, roster
        if (known.me, known.members) != (roster.me, roster.members):
            self._waiting = list(self._leases)
            self.go_on(now)

    def go_on(self, now: float) -> None:
        """Look at the next `ASSIGNED_PER_TICK` leases that may have another owner now."""
        some = self._waiting[-limits.ASSIGNED_PER_TICK :]
        del self._waiting[-limits.ASSIGNED_PER_TICK :]
        for lease in filter(None, map(self._leases.get, some)):
            mine = self._leases.roster.mine(lease.key)
            if mine and not lease.mine:
                self._take_over(lease, now)
            elif lease.mine and not mine:
                self._let_go(lease)

    def next_deadline(self) -> float | None:
        return NOW if self._waiting else None

    def _take_over(self, lease: Lease, now: float) -> None:
        lease.mine = True
        if lease.phase == "lapsed":
            return
        lease.zone.leased += 1
        self._begin(lease, now)
        if lease.phase == "overdue":
            self._leases.silence(lease, now)
        elif lease.phase in ("held", "promised"):
            lease.phase = "held"
            self._leases.postpone(lease, lease.overdue_at)

    def _begin(self, lease: Lease, now: float) -> None:
        """It gets a grace. Not again soon, or replicas that come and go would keep the dead alive for ever: then it is overdue at once,
        and others are asked. Who hears of it once it is marked takes the mark off, by a write; so nobody has since, and its time runs
        from there, wherever it is taken over."""
        rested = now - lease.granted > limits.ADOPTION_GRACE_AGAIN_TTLS * lease.ttl
        if not lease.graced or rested or lease.heard > lease.granted:
            grace = max(limits.ADOPTION_GRACE_S, lease.patience)
            lease.grant(now - max(lease.ttl - grace, 0.0))
            lease.graced = True
        else:
            silent = min(now, lease.marked)
            lease.grant(silent - lease.patience)
            lease.owed = silent + lease.ttl

    def _let_go(self, lease: Lease) -> None:
        if lease.phase != "lapsed":
            self._leases.uncount(lease)
        lease.mine = False
        if lease.phase == "lapsing":
            lease.phase = "overdue"
