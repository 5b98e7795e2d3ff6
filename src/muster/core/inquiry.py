"""Asking before anything follows from silence, where several registries hear heartbeats.

A heartbeat may land at any replica, and stays there. So an owner asks the others before it marks an instance overdue, before a
TTL check of it fails, and before its lease lapses: "when did you last hear of it?" Any recent answer keeps it.

The last question binds whoever says no: a heartbeat that he takes afterwards is not acknowledged before it is written to the record,
and the expiry is guarded by the record's revision. So the store decides which of the two came first, and the other one sees it.
"""

from __future__ import annotations

from msgspec import Struct

from muster.model import limits

from .checks import Checks, Tracker
from .commands import Expire, MarkOverdue
from .lease import Lease
from .leases import Leases
from .outbox import Outbox, Question
from .state import State
from .suspicion import Suspicions

UNHEARD = float("-inf")
AGAIN_S = 1.0
"""Until a question is asked again that somebody did not answer."""


class Reply(Struct, frozen=True, gc=False):
    """What all others say to a question. `age`: s since one of them last heard of it, None if nobody did; `roster`: the revision of the
    roster they were all the members of."""

    question: Question
    age: float | None
    roster: int


class Inquiry:
    """Both sides: asking and being asked."""

    def __init__(
        self, state: State, leases: Leases, checks: Checks, suspicions: Suspicions, outbox: Outbox
    ) -> None:
        self._state = state
        self._leases = leases
        self._checks = checks
        self._suspicions = suspicions
        self._outbox = outbox

    # --- Asking -----------------------------------------------------------------------------------------------------

    def ask(self, lease: Lease, *, binding: bool) -> None:
        entry = self._state.get(lease.key)
        if entry is not None:
            self._outbox.question(Question(lease.key, lease.generation, entry.revision, binding=binding))

    def ask_of_check(self, tracker: Tracker) -> None:
        entry = self._state.get(tracker.key)
        if entry is not None:
            self._outbox.question(
                Question(tracker.key, tracker.generation, entry.revision, check=tracker.check.name)
            )

    def answered(self, reply: Reply, now: float, wall: int) -> None:
        """Everybody answered a question about a lease."""
        question = reply.question
        lease = self._leases.get(question.key)
        if (
            lease is None
            or lease.generation != question.generation
            or not lease.mine
            or lease.phase not in ("held", "lapsing")
        ):
            return  # it ended, or began anew, while they were asked
        heard = UNHEARD if reply.age is None else now - reply.age
        lease.heard_elsewhere(heard)
        if now < lease.overdue_at:
            self._leases.resume(lease)
        elif question.binding and now >= lease.expires_at:
            self._outbox.command(
                Expire(lease.key, lease.generation, wall, seen=question.seen, roster=reply.roster)
            )
        elif question.binding:
            self._leases.not_expired(lease, min(lease.expires_at, now + limits.OVERDUE_PROBE_S))
        else:
            self._leases.silence(lease, now)
            self._outbox.command(MarkOverdue(lease.key, lease.generation, wall))
            self._suspicions.raise_(lease.key, lease.generation, "overdue", now)

    def unanswered(self, question: Question, now: float) -> None:
        """Somebody did not say: nothing follows, and it is asked again."""
        again = now + AGAIN_S
        if question.check:
            for tracker in self._named(question):
                self._checks.hold(tracker, again)
        elif lease := self._leases.get(question.key):
            if lease.phase == "lapsing":
                self._leases.not_expired(lease, again)
            elif lease.phase == "held":
                self._leases.postpone(lease, again)

    def said_of_check(self, reply: Reply, now: float) -> list[Tracker]:
        """Trackers whose check really said nothing to anybody; the others wait for its next word."""
        silent = []
        for tracker in self._named(reply.question):
            if reply.age is not None:
                tracker.said_at = max(tracker.said_at, now - reply.age)
            if now >= tracker.said_at + tracker.check.ttl:
                silent.append(tracker)
            else:
                self._checks.hold(tracker, tracker.said_at + tracker.check.ttl)
        return silent

    def _named(self, question: Question) -> list[Tracker]:
        return [
            tracker
            for tracker in self._checks.of(question.key)
            if tracker.check.name == question.check and tracker.generation == question.generation
        ]

    # --- Being asked ------------------------------------------------------------------------------------------------

    def asked(self, question: Question, now: float) -> float | None:
        """How long ago we heard of it (s), None for never. Whoever asks knows no more of the store than we do."""
        if question.check:
            said = [tracker.said_at for tracker in self._named(question) if tracker.result is not None]
            return now - max(said) if said else None
        lease = self._leases.get(question.key)
        if lease is None or lease.generation != question.generation:
            return None
        age = now - lease.heard
        if age < lease.ttl:
            return age
        if question.binding:
            self._promise(lease)
        return None

    def _promise(self, lease: Lease) -> None:
        """Its owner is told that nobody here heard of it."""
        if lease.phase in ("held", "overdue"):
            lease.phase = "promised"
            if lease.mine:  # whatever we were about to find out is not heeded any more
                self._leases.postpone(lease, lease.expires_at)

    def contested(self, key: str) -> bool:
        """Whether its owner was promised that it may lapse."""
        lease = self._leases.get(key)
        return lease is not None and lease.phase == "promised"

    def remember(self, old: Leases) -> None:
        """After everything was loaded again: what was heard before is still an answer."""
        for key in self._leases:
            lease, known = self._leases.get(key), old.get(key)
            if lease and known and known.generation == lease.generation:
                lease.before = known.heard

    # --- What a write says --------------------------------------------------------------------------------------------

    def revived(self, key: str, now: float) -> None:
        """Its overdue mark was taken off: whoever wrote that, heard it just now."""
        lease = self._leases.get(key)
        if lease is not None and lease.mine and lease.phase in ("overdue", "lapsing"):
            lease.heard_elsewhere(now)
            self._leases.resume(lease)
