"""Expiry: what follows from a lease's silence, step by step: it is asked about and marked overdue, and in the end it lapses.

At each step nothing follows where the registry is blind (`verdicts.py`), nor before the other replicas were asked (`inquiry.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from muster.model import limits

from .commands import Expire, MarkOverdue
from .guard import Guard
from .inquiry import Inquiry
from .lease import Lease
from .leases import Leases
from .outbox import Outbox
from .state import State
from .suspicion import Suspicions
from .verdicts import Verdicts


class Expiry:
    """Takes the leases that are due, as `Leases.due` sorts them, and puts what is to be done into `outbox`."""

    def __init__(
        self,
        state: State,
        leases: Leases,
        guard: Guard,
        inquiry: Inquiry,
        verdicts: Verdicts,
        suspicions: Suspicions,
        outbox: Outbox,
    ) -> None:
        self._state = state
        self._leases = leases
        self._guard = guard
        self._inquiry = inquiry
        self._verdicts = verdicts
        self._suspicions = suspicions
        self._outbox = outbox

    def fell_silent(self, leases: Sequence[Lease], now: float, wall: int) -> bool:
        """Nothing was heard of them here for too long: True if they are overdue by that. If there are others, they are asked first."""
        if self._leases.roster.others:
            for lease in leases:
                self._inquiry.ask(lease, binding=False)
            return False
        for lease in leases:
            self._leases.silence(lease, now)
        self.mark(leases, now, wall)
        return bool(leases)

    def mark(self, leases: Sequence[Lease], now: float, wall: int) -> None:
        """They are overdue, still: probed again, and marked until the mark is committed."""
        for lease in leases:
            entry = self._state.get(lease.key)
            if entry is not None and not entry.record.facts.overdue:
                self._outbox.command(MarkOverdue(lease.key, lease.generation, wall))
            self._suspicions.raise_(lease.key, lease.generation, "overdue", now)

    def lapse(self, leases: Sequence[Lease], now: float, wall: int) -> None:
        """Their time is over."""
        for lease in leases:
            zone = lease.zone.name
            if not self._verdicts.blind(zone, lease.key, lease.renewed, lease.expires_at, now, wall):
                self._expire(lease, wall)
            elif self._guard.holds(zone, lease.key):
                self._leases.postpone(lease, now + limits.OVERDUE_PROBE_S)
                self._suspicions.raise_(lease.key, lease.generation, "overdue", now)
            else:
                self._leases.postpone(lease, now + limits.WITNESS_PAUSE_S)

    def _expire(self, lease: Lease, wall: int) -> None:
        lease.phase = "lapsing"
        if self._leases.roster.others:
            self._inquiry.ask(lease, binding=True)
        else:
            self._outbox.command(Expire(lease.key, lease.generation, wall))
