"""Rounds: the checks that are due, each run, asked about or failed by whoever owns the instance."""

from __future__ import annotations

from muster.model import limits

from .checks import Checks, Tracker
from .inquiry import Inquiry, Reply
from .leases import Leases
from .outbox import Outbox
from .state import State
from .verdicts import Verdicts

HELD_S = 1.0
"""Until a TTL check comes up again whose silence does not count at the moment."""


class Rounds:
    """Reads the parts of the machine it is given, and puts what is to be done into `outbox`."""

    def __init__(
        self,
        state: State,
        leases: Leases,
        checks: Checks,
        inquiry: Inquiry,
        verdicts: Verdicts,
        outbox: Outbox,
    ) -> None:
        self._state = state
        self._leases = leases
        self._checks = checks
        self._inquiry = inquiry
        self._verdicts = verdicts
        self._outbox = outbox

    def run(self, now: float, wall: int) -> None:
        probes, silent = self._checks.due(now, limits.DUE_PER_TICK)
        for tracker in probes:
            if not self._leases.roster.mine(tracker.key):
                self._checks.hold(tracker, now + tracker.check.interval)
            elif entry := self._state.get(tracker.key):
                self._outbox.probe("check", entry, tracker, tracker.check)
        for tracker in silent:
            if not self._leases.roster.mine(tracker.key):
                self._checks.hold(tracker, now + tracker.check.ttl)
            elif self._leases.roster.others:
                self._inquiry.ask_of_check(tracker)
            else:
                self._lapse(tracker, now, wall)

    def answered(self, reply: Reply, now: float, wall: int) -> None:
        """All other replicas said when they last heard of a TTL check."""
        for tracker in self._inquiry.said_of_check(reply, now):
            self._lapse(tracker, now, wall)

    def _lapse(self, tracker: Tracker, now: float, wall: int) -> None:
        """A TTL check of which nothing was heard in time."""
        entry = self._state.get(tracker.key)
        if entry is None:
            return
        zone, since = entry.record.instance.zone, tracker.said_at
        if self._verdicts.blind(zone, tracker.key, since, since + tracker.check.ttl, now, wall):
            self._checks.hold(tracker, now + HELD_S)
        else:
            self._verdicts.commit([self._checks.lapse(tracker)], wall)
