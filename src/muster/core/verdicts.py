"""Verdicts: what probes said, what follows from it, and what does not, because of the guard.

Every answer teaches something of sight, whatever it was sent for: who can be reached, who of a zone still answers, where
connections are refused. Then it counts for what it was sent for: a check, a suspicion, a recovery.
"""

from __future__ import annotations

from collections.abc import Iterable

from muster.model import limits
from muster.model.check import Answer

from .checks import Checks, NewHealth, Tracker
from .commands import SetHealth, SetReach
from .guard import Guard
from .leases import Leases
from .outbox import Outbox, Probe
from .refusals import Refusals
from .sight import Sight
from .state import State
from .suspicion import Recovery, Suspicion, Suspicions

SEEN = frozenset({Answer.ANSWERED, Answer.WARNED})
"""Something is there and speaks as it should. `FAILED` may also mean that the target is one we never probe."""
AGAIN_S = 1.0
"""Between attempts where a probe could not be sent, or a verdict not be committed."""


class Verdicts:
    """Reads and teaches the parts of the machine it is given, and puts what follows into `outbox`."""

    def __init__(
        self,
        state: State,
        leases: Leases,
        guard: Guard,
        refusals: Refusals,
        sight: Sight,
        checks: Checks,
        suspicions: Suspicions,
        outbox: Outbox,
    ) -> None:
        self._state = state
        self._leases = leases
        self._guard = guard
        self._refusals = refusals
        self._sight = sight
        self._checks = checks
        self._suspicions = suspicions
        self._outbox = outbox
        self._lying: set[str] = set()

    def found(self, probe: Probe, answer: Answer, said: str, now: float, wall: int) -> None:
        """A probe came back."""
        if self._is_of_today(probe):
            self._learn(probe, answer, now)
        match probe.about:
            case Tracker() as tracker:
                self._checked(probe, tracker, answer, said, now, wall)
            case Suspicion() as suspicion:
                self._confirm(probe, suspicion, answer, now, wall)
            case Recovery() as recovery:
                if answer in SEEN:
                    self._outbox.command(SetReach(probe.key, recovery.generation, False, wall))
                self._suspicions.again(recovery, now)
            case None:
                pass

    def _is_of_today(self, probe: Probe) -> bool:
        """Whether the process that was asked is the one that is registered, and where it was. A check of another host asks
        somebody else."""
        entry = self._state.get(probe.key)
        if entry is None or entry.record.generation != probe.generation:
            return False
        if probe.check is not None and probe.check.host:
            return False
        return entry.record.instance.zone == probe.instance.zone

    def _learn(self, probe: Probe, answer: Answer, now: float) -> None:
        zone, key, lease = probe.instance.zone, probe.key, self._leases.get(probe.key)
        if answer in SEEN:
            self._suspicions.reached.add(key)
            self._sight.answered(zone, key)
        if answer in SEEN or answer is Answer.FAILED:
            self._refusals.forget(key)
        if lease is None or lease.phase == "lapsed":
            return
        if answer in SEEN:
            lease.zone.seen(key, now)
        elif answer is not Answer.UNASKED:
            lease.zone.sighted.discard(key)
        if answer is Answer.REFUSED and key in self._suspicions.reached:
            self._refusals.found(zone, key, now)

    # --- Checks -----------------------------------------------------------------------------------------------------

    def _checked(
        self, probe: Probe, tracker: Tracker, answer: Answer, said: str, now: float, wall: int
    ) -> None:
        if not self._checks.current(tracker):
            return
        if answer is Answer.SILENT and tracker.standing != "failing":
            self._unanswered(probe.key)
        excused = tracker.standing != "failing" and self._excused(probe, tracker, answer, now, wall)
        changed = self._checks.probed(tracker, Answer.UNASKED if excused else answer, said, now)
        if changed:
            self._answered(probe.key)
            self.commit([changed], wall)

    def _excused(self, probe: Probe, tracker: Tracker, answer: Answer, now: float, wall: int) -> bool:
        """Silence does not count where we are blind, nor refusals while a firewall makes them."""
        if answer is Answer.SILENT:
            due = tracker.said_at + tracker.check.interval * tracker.check.fall
            return self.blind(probe.instance.zone, probe.key, tracker.said_at, due, now, wall)
        return answer is Answer.REFUSED and probe.instance.zone in self._lying

    def commit(self, changed: Iterable[NewHealth], wall: int) -> None:
        for tracker, health in changed:
            self._outbox.command(SetHealth(tracker.key, tracker.generation, tracker.check.name, health, wall))

    # --- Suspicions -------------------------------------------------------------------------------------------------

    def _confirm(self, probe: Probe, suspicion: Suspicion, answer: Answer, now: float, wall: int) -> None:
        if self._suspicions.get(probe.key) is not suspicion:
            return
        if answer is Answer.UNASKED:
            self._suspicions.ask_again(suspicion, now + AGAIN_S)
        elif answer is Answer.SILENT:
            self._not_answered(probe, suspicion, now, wall)
        elif answer is Answer.REFUSED and probe.instance.zone not in self._lying:
            self._verdict(suspicion, wall)
        elif answer in SEEN and suspicion.cause == "session lost":
            self._still_there(suspicion, now)
        else:
            self.close(suspicion)

    def _still_there(self, suspicion: Suspicion, now: float) -> None:
        """Who lost its session and answers may be dying: the kernel accepts for a killed process until its memory is freed.

        So it is asked again after twice the time each, until too long has passed for that.
        """
        passed = now - suspicion.since
        if passed >= limits.DYING_S:
            self.close(suspicion)
            return
        self._answered(suspicion.key)
        self._suspicions.ask_again(suspicion, now + max(passed, limits.DYING_PROBE_S))

    def _not_answered(self, probe: Probe, suspicion: Suspicion, now: float, wall: int) -> None:
        lease = self._leases.get(probe.key)
        if suspicion.cause == "overdue" or suspicion.heard or (lease and lease.renewed > suspicion.since):
            # An overdue lease ends by its own time: lost probes alone do not shorten it.
            self.close(suspicion)
            return
        suspicion.attempts += 1
        self._unanswered(probe.key)
        blind = self.blind(probe.instance.zone, probe.key, suspicion.since, suspicion.since, now, wall)
        if suspicion.attempts < limits.SUSPICION_PROBES:
            self._suspicions.ask_again(suspicion, now)
        elif not blind:
            self._verdict(suspicion, wall)
        elif self._guard.holds(probe.instance.zone, probe.key):
            self._suspicions.ask_again(suspicion, now + limits.RECOVERY_PROBE_MAX_S)
        else:
            self._suspicions.ask_again(suspicion, now + limits.WITNESS_PAUSE_S)

    def _verdict(self, suspicion: Suspicion, wall: int) -> None:
        """It stays open until its outcome, so that it counts as silent and is probed again if the store would not have it."""
        suspicion.decided = True
        self._outbox.command(SetReach(suspicion.key, suspicion.generation, True, wall))

    def close(self, suspicion: Suspicion) -> None:
        self._suspicions.close(suspicion)
        self._answered(suspicion.key)

    def not_committed(self, suspicion: Suspicion, again: float) -> None:
        suspicion.decided = False
        suspicion.attempts = 0
        self._suspicions.ask_again(suspicion, again)

    def _unanswered(self, key: str) -> None:
        lease = self._leases.get(key)
        if lease is not None and lease.phase != "lapsed":
            lease.zone.unanswered.add(key)

    def _answered(self, key: str) -> None:
        if lease := self._leases.get(key):
            lease.zone.unanswered.discard(key)

    # --- What silence and refusals are worth ------------------------------------------------------------------------

    def blind(self, zone: str, key: str, since: float, due: float, now: float, wall: int) -> bool:
        """True if the silence of `key` since then proves nothing: the guard holds, or nobody else was heard.

        `due` is when the silence was to count; doubt without a hold ends `DOUBT_MAX_S` later.
        """
        if self._guard.holds(zone, key):
            return True
        self._guard.look(now, wall, only=zone)
        if self._guard.holds(zone, key):
            return True
        if now >= due + limits.DOUBT_MAX_S or self._guard.gave_up(zone, key):
            return False
        if not self._sight.lost(zone, max(since, now - limits.SIGHT_S)):
            return False
        for witness in self._sight.ask(zone, key, now):
            if entry := self._state.get(witness):
                self._outbox.probe("witness", entry)
        return True

    def look(self, wall: int) -> None:
        """Where do firewalls refuse in the instances' place? What their refusals led to is taken back."""
        self._lying = self._refusals.lying(self._leases.renewed)
        for zone in self._lying:
            for key in self._refusals.of(zone):
                self._take_back(key, wall)

    def _take_back(self, key: str, wall: int) -> None:
        entry = self._state.get(key)
        if entry is not None and entry.record.facts.unreachable:
            self._outbox.command(SetReach(key, entry.record.generation, False, wall))
        self.commit(self._checks.take_back(key), wall)
