"""The registry as one deterministic machine: everything it knows, and what follows from everything that can happen to it.

What can happen is the list of methods: a load, a committed transaction, a heartbeat, a session opened or closed, a report, a
pushed result, a probe's answer, the passing of time, the outcome of a command. What follows is collected in the outbox and
taken by the shell: commands to commit, probes to run. Nothing here waits, reads a clock or changes a record; `decide` and the
store do that.
"""

from __future__ import annotations

from collections.abc import Iterable

from muster.model import limits
from muster.model.check import Answer, Health, Result
from muster.model.errors import Rejected
from muster.model.record import Record

from .agreement import Fix
from .checks import Checks, Rng, Tracker
from .commands import Command, Revive, SetHealth
from .decide import addressed
from .expiry import Expiry
from .feed import Feed
from .guard import Guard, Rules
from .handover import Handover
from .inquiry import Inquiry, Reply
from .leases import Leases
from .outbox import Outbox, Probe, Turn
from .outcomes import Outcomes
from .ownership import ALONE, Roster
from .refusals import Refusals
from .renewal import Renewal, of_static
from .retention import Retention
from .rounds import Rounds
from .sight import FirstProbes, Sight
from .state import Change, Entry, State
from .suspicion import Recovery, Suspicion, Suspicions
from .verdicts import Verdicts

LOOK_S = 1.0
"""How often the guard looks when nothing else makes it."""


class Machine:
    """`rng` spreads probes; `rules` are the guard's; `retention` (s) is how long expired records are kept."""

    def __init__(
        self, rng: Rng, rules: Rules = Rules(), *, retention: float = limits.EXPIRED_RETENTION_S
    ) -> None:
        self._rng = rng
        self._rules = rules
        self._keep_expired = retention
        self.sessions: dict[tuple[str, int], int] = {}
        self.registrations = 0
        self._began = 0.0
        self._clear("", 0, 0.0, ALONE)

    def _clear(self, epoch: str, revision: int, now: float, roster: Roster) -> None:
        """Forget what was known of the records; open sessions are known of connections, and stay."""
        self.state = State(epoch, revision)
        self.feed = Feed(revision)
        self.leases = Leases(roster)
        self.guard = Guard(self.leases.zones, self._rules)
        self.checks = Checks(self._rng)
        self.suspicions = Suspicions(now)
        self._sight = Sight(self.leases.zones)
        self._first_probes = FirstProbes(now)
        self._retention = Retention(self._keep_expired)
        self._outbox = Outbox()
        self._refusals = Refusals(self.leases.zones)
        self._verdicts = Verdicts(
            self.state,
            self.leases,
            self.guard,
            self._refusals,
            self._sight,
            self.checks,
            self.suspicions,
            self._outbox,
        )
        self._outcomes = Outcomes(self.leases, self.checks, self.suspicions, self._verdicts, self._retention)
        self._handover = Handover(self.leases)
        self.inquiry = Inquiry(self.state, self.leases, self.checks, self.suspicions, self._outbox)
        self._expiry = Expiry(
            self.state,
            self.leases,
            self.guard,
            self.inquiry,
            self._verdicts,
            self.suspicions,
            self._outbox,
        )
        self._rounds = Rounds(
            self.state, self.leases, self.checks, self.inquiry, self._verdicts, self._outbox
        )
        self._look_at = now

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(
        self, records: Iterable[tuple[Record, int]], revision: int, epoch: str, now: float, wall: int
    ) -> None:
        """Begin from a store's whole content: (record, revision of its last write). Every lease counts as renewed now."""
        if epoch != self.state.epoch:
            self._began = now
        known = self.leases
        self._clear(epoch, revision, now, known.roster)
        self.state.load(records)
        for entry in self.state.entries():
            self._follow(entry, now, wall)
            if entry.discoverable:
                self._probe_first(entry)
        self.inquiry.remember(known)

    def apply(
        self, revision: int, writes: Iterable[tuple[str, Record | None]], now: float, wall: int
    ) -> list[Change]:
        """Fold one committed transaction in. What changed, for those who watch."""
        return self._changed(self.state.apply(revision, writes), now, wall)

    def put_right(self, revision: int, fixes: Iterable[Fix], now: float, wall: int) -> list[Change]:
        """Hold what the store does where we turned out not to, told as changes of `revision`."""
        records = [(fix.key, fix.record, fix.at) for fix in fixes]
        return self._changed(self.state.put_right(revision, records), now, wall)

    def _changed(self, changes: list[Change], now: float, wall: int) -> list[Change]:
        for change in changes:
            if change.before is not None and not _stays(change.before, change.after):
                self._forget(change.before)
            if change.after is not None:
                self._follow(change.after, now, wall)
                self._meet(change.before, change.after)
                if change.before is not None and _mark_taken_off(change.before, change.after):
                    self.inquiry.revived(change.after.key, now)
        self.feed.append(changes)
        return changes

    def _forget(self, entry: Entry) -> None:
        """Gone, or another process or elsewhere now: what was known of the last one's reach says nothing of the next one's."""
        key, zone = entry.key, entry.record.instance.zone
        if self.state.get(key) is None:
            self.leases.drop(key)
            self.checks.drop(key)
            self._retention.forget(key)
        self.suspicions.forget(key)
        self._refusals.forget(key)
        self._sight.forget(zone, key)
        self._first_probes.forget(key)

    def _follow(self, entry: Entry, now: float, wall: int) -> None:
        """Make everything that is kept of the instance what its committed record says."""
        record, facts = entry.record, entry.record.facts
        self.leases.follow(entry, now)
        self.checks.follow(entry, now)
        self._retention.follow(entry, now, wall)
        if facts.unreachable and not facts.expired_at:
            self.suspicions.recover(entry.key, record.generation, now)
        else:
            self.suspicions.recovered(entry.key)
        if facts.expired_at:
            self._refusals.forget(entry.key)
            self._sight.forget(record.instance.zone, entry.key)

    def _meet(self, before: Entry | None, after: Entry) -> None:
        """Whoever is new, or begins to be offered to callers, is probed once."""
        if before is None or not _same_process(before, after):
            self.registrations += 1
            self._probe_first(after)
        elif not _stays(before, after) or (after.discoverable and not before.discoverable):
            self._probe_first(after)

    def _probe_first(self, entry: Entry) -> None:
        """Learn whether the registry can reach the instance at all; without that no suspicion of it can be judged."""
        if entry.key not in self.suspicions.reached and entry.record.instance.port:
            self._first_probes.put(entry.key)

    # --- What instances and callers say -----------------------------------------------------------------------------

    def renew(self, key: str, generation: int, owner: bytes, now: float, wall: int) -> Renewal:
        renewal = self.leases.renew(key, generation, owner, now)
        if renewal is Renewal.RENEWED:
            return renewal
        if renewal is Renewal.MARKED:
            self._outbox.command(Revive(key, generation, owner, wall))
            return Renewal.RENEWED
        if renewal is Renewal.UNKNOWN and (entry := self.state.get(key)):
            return of_static(entry.record, generation, owner)
        return renewal

    def session_opened(self, key: str, generation: int, now: float) -> None:
        """A stream carries the session of this generation now, beside those that do already."""
        at = (key, generation)
        self.sessions[at] = self.sessions.get(at, 0) + 1
        entry = self.state.get(key)
        if entry is not None and generation == entry.record.generation:
            self.suspicions.heard(key)
            self._probe_first(entry)

    def session_closed(self, key: str, generation: int, now: float, *, lost: bool) -> None:
        """A session ended. `lost`: its stream broke. If no other carries it, and the instance did not say goodbye, something is wrong."""
        at = (key, generation)
        left = self.sessions.get(at, 1) - 1
        if left > 0:
            self.sessions[at] = left
            return
        self.sessions.pop(at, None)
        entry = self.state.get(key)
        if not lost or entry is None or entry.status in ("draining", "expired"):
            return
        if generation == entry.record.generation and self.suspicions.admit_loss(key, now):
            self.suspicions.raise_(key, entry.record.generation, "session lost", now)

    def report(self, key: str, generation: int, source: str, now: float) -> None:
        """A caller at the address `source` failed to reach the instance. Raises `Rejected`."""
        entry = self.state.get(key)
        if entry is None:
            raise Rejected("unknown_instance", "no such instance")
        if not self.suspicions.admit(source, key, now):
            raise Rejected("too_many_reports", "the budget of suspicions is used up; leases and checks go on")
        if not generation or generation == entry.record.generation:
            self.suspicions.raise_(key, entry.record.generation, "reported", now)

    def push(
        self,
        key: str,
        generation: int,
        owner: bytes,
        check: str,
        result: Result,
        said: str,
        now: float,
        wall: int,
    ) -> tuple[Health, Command | None]:
        """A result of a TTL check (`check` "" is the only one): the health now, and what to commit. Raises `Rejected`."""
        entry = self.state.get(key)
        tracker = self._pushed_to(addressed(entry.record if entry else None, generation, owner), check)
        self.suspicions.heard(key)
        if lease := self.leases.get(key):
            lease.zone.heard = now
        changed = self.checks.pushed(tracker, result, said, now)
        if changed is None:
            return tracker.standing, None
        return changed.health, SetHealth(key, tracker.generation, tracker.check.name, changed.health, wall)

    def _pushed_to(self, record: Record, name: str) -> Tracker:
        if record.status == "draining":
            raise Rejected("draining", "it is draining: its checks count no more")
        if record.status == "expired":
            raise Rejected(
                "unknown_instance", "its lease has lapsed: a heartbeat, or registering, revives it"
            )
        pushed = [tracker for tracker in self.checks.of(record.key) if not tracker.check.active]
        named = [tracker for tracker in pushed if name in ("", tracker.check.name)]
        if len(named) != 1:
            known = ", ".join(tracker.check.name for tracker in pushed) or "none"
            raise Rejected("unknown_check", f"its ttl checks: {known}", field="check")
        return named[0]

    def found(self, probe: Probe, answer: Answer, said: str, now: float, wall: int) -> None:
        """A probe came back."""
        self._verdicts.found(probe, answer, said, now, wall)
        if probe.key in self.suspicions.reached:
            self._first_probes.forget(probe.key)
        elif probe.purpose == "reach" and self.state.get(probe.key) is not None:
            self._first_probes.unanswered(probe.key, now)

    # --- The passing of time ----------------------------------------------------------------------------------------

    def tick(self, now: float, wall: int) -> None:
        """Handle what is due, at most `DUE_PER_TICK` of each kind; the rest makes `next_deadline` say now."""
        self._handover.go_on(now)
        silent, still, lapsing = self.leases.due(now, limits.DUE_PER_TICK)
        marked = self._expiry.fell_silent(silent, now, wall)
        self._expiry.mark(still, now, wall)
        if marked or lapsing or now >= self._look_at:
            self._look(now, wall)
        self._expiry.lapse(lapsing, now, wall)
        self._rounds.run(now, wall)
        for item in self.suspicions.due(now, limits.DUE_PER_TICK):
            self._probe(item, now)
        for key in self._first_probes.due(now):
            if entry := self.state.get(key):
                self._outbox.probe("reach", entry)
        for removal in self._retention.due(now, limits.DUE_PER_TICK):
            if self._mine(removal.key):
                self._outbox.command(removal)
            else:
                self._retention.again(removal.key, now + limits.ADOPTION_GRACE_S)

    def _look(self, now: float, wall: int) -> None:
        self._look_at = now + LOOK_S
        self.guard.look(now, wall)
        self._verdicts.look(wall)
        for command in self._outcomes.take_unrevived():
            self._outbox.command(command)

    def _probe(self, item: Suspicion | Recovery, now: float) -> None:
        entry = self.state.get(item.key)
        if isinstance(item, Recovery) and not self._mine(item.key):
            self.suspicions.again(item, now)
            return
        if entry is not None and entry.record.generation == item.generation:
            self._outbox.probe("confirm" if isinstance(item, Suspicion) else "recover", entry, item)

    def paused(self, gap: float, now: float, wall: int) -> None:
        """The registry stood still for `gap` s. `now` runs on without the gap, so every deadline moved by it already."""
        self.guard.paused(gap, now, wall)

    # --- Other replicas ---------------------------------------------------------------------------------------------

    def assign(self, roster: Roster, now: float) -> None:
        """These replicas are live now."""
        self._handover.assign(roster, now)

    def _mine(self, key: str) -> bool:
        return self.leases.roster.mine(key)

    def answered(self, reply: Reply, now: float, wall: int) -> None:
        """All others answered a question of ours."""
        (self._rounds if reply.question.check else self.inquiry).answered(reply, now, wall)

    # --- What becomes of commands -----------------------------------------------------------------------------------

    def begin(self, command: Command) -> bool:
        """Just before one of our own commands is decided: False if what it was for is over."""
        return self._outcomes.begin(command)

    def decided(self, command: Command, now: float, *, asked: bool) -> None:
        """A command had its way: it is committed, or was a no-op. `asked`: by a caller, who is told so next."""
        self._outcomes.decided(command, now, asked=asked)

    def not_committed(self, command: Command, now: float) -> None:
        """The store would not have it, certainly: what our own commands were for is found again, later."""
        self._outcomes.not_committed(command, now)

    # --- What the shell reads ---------------------------------------------------------------------------------------

    def take(self) -> Turn:
        """What has become necessary since the last call."""
        return self._outbox.take()

    @property
    def has_work(self) -> bool:
        return bool(self._outbox)

    @property
    def expiries(self) -> int:
        """Leases that lapsed since the last load."""
        return self._outcomes.expiries

    def next_deadline(self, now: float) -> float:
        """When `tick` should run next."""
        deadlines = (
            self._look_at,
            self.leases.next_deadline(),
            self._handover.next_deadline(),
            self.checks.next_deadline(),
            self.suspicions.next_deadline(now),
            self._first_probes.next_deadline(now),
            self._retention.next_deadline(),
        )
        return min(at for at in deadlines if at is not None)

    def settled(self, now: float) -> bool:
        """True once everybody who could still be renewing elsewhere has had the time to show up here."""
        return now >= self.settles_at()

    def settles_at(self) -> float:
        longest = max(self.leases.longest, limits.LEASE_TTL_S)
        return self._began + min(longest, limits.SETTLE_MAX_S)


def _mark_taken_off(before: Entry, after: Entry) -> bool:
    facts = after.record.facts
    return before.record.facts.overdue and not facts.overdue and not facts.expired_at


def _same_process(before: Entry, after: Entry) -> bool:
    return before.record.generation == after.record.generation


def _stays(before: Entry, after: Entry | None) -> bool:
    """The same process, in the same zone."""
    if after is None or not _same_process(before, after):
        return False
    return before.record.instance.zone == after.record.instance.zone
