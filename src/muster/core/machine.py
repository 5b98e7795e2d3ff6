"""The registry as one deterministic machine: everything it knows, and what follows from everything that can happen to it.

What can happen is the list of methods: a load, a committed transaction, a heartbeat, a session opened or lost, a report, a
pushed result, a probe's answer, the passing of time. What follows is collected and taken by the shell with `take`: commands
to commit, probes to run. Nothing here waits, reads a clock or changes a record; `decide` and the store do that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from muster.model import limits
from muster.model.check import Answer, Check, Health, Result
from muster.model.errors import Rejected
from muster.model.instance import Instance
from muster.model.record import Record

from . import checks, suspicion
from .commands import Command, Expire, MarkOverdue, Remove, Revive, SetHealth, SetReach
from .feed import Feed
from .guard import Guard, Rules
from .leases import Lease, Leases, Renewal
from .state import Change, Entry, State
from .wheel import NEVER, Wheel

LOOK_S = 1.0
"""How often the guard looks when nothing else makes it."""

Purpose = Literal["check", "confirm", "recover", "reach"]


class Ask(Struct, frozen=True, gc=False):
    """A probe to run. `check` is what to ask; None means a bare connection to the instance's first endpoint."""

    purpose: Purpose
    instance: Instance
    key: str
    about: checks.Tracker | suspicion.Suspicion | suspicion.Recovery | None
    check: Check | None = None


class Turn(Struct, frozen=True):
    """What is to be done now."""

    commands: list[Command]
    asks: list[Ask]


class _Removal(Struct, gc=False):
    """A record the registry will remove by itself if it stays in `status`."""

    key: str
    generation: int
    status: str
    wake: int = NEVER


class Machine:
    """`rng` spreads probes; `rules` are the guard's; `retention` (s) is how long expired records are kept."""

    def __init__(
        self, rng: checks.Rng, rules: Rules = Rules(), *, retention: float = limits.EXPIRED_RETENTION_S
    ) -> None:
        self._rng = rng
        self._rules = rules
        self._retention = retention
        self._clear("", 0, 0.0)

    def _clear(self, epoch: str, revision: int, now: float) -> None:
        self.state = State(epoch, revision)
        self.feed = Feed(revision)
        self.leases = Leases()
        self.guard = Guard(self.leases.zones, self._rules)
        self.checks = checks.Checks(self._rng)
        self.suspicions = suspicion.Suspicions()
        self.sessions: dict[str, int] = {}
        self.expiries = 0
        self.registrations = 0
        self._removals: Wheel[_Removal] = Wheel()
        self._removal_of: dict[str, _Removal] = {}
        self._reach = suspicion.Bucket(limits.REACH_PROBES_PER_S, limits.REACH_PROBES_BURST, 0.0, now)
        self._commands: list[Command] = []
        self._asks: list[Ask] = []
        self._look_at = now
        self._began = now

    # --- What the store says ----------------------------------------------------------------------------------------

    def load(
        self, records: Iterable[tuple[Record, int]], revision: int, epoch: str, now: float, wall: int
    ) -> None:
        """Begin from a store's whole content: (record, revision of its last write). Every lease counts as renewed now."""
        self._clear(epoch, revision, now)
        for record, at in records:
            self.state.apply(at, [(record.key, record)])
        self.state.revision = revision
        for entry in self.state.entries():
            self._follow(entry, now, wall)

    def apply(
        self, revision: int, writes: Iterable[tuple[str, Record | None]], now: float, wall: int
    ) -> list[Change]:
        """Fold one committed transaction in. What changed, for those who watch."""
        changes = self.state.apply(revision, writes)
        for change in changes:
            if change.after is None:
                self._forget(change.before)
            else:
                self._follow(change.after, now, wall)
                if change.before is None or _generation(change.before) != _generation(change.after):
                    self._new(change.after, now)
        self.feed.append(changes)
        return changes

    def _new(self, entry: Entry, now: float) -> None:
        """Another process holds the id now: what was known of the last one's reach says nothing of this one's."""
        self.registrations += 1
        self.suspicions.forget(entry.record.key)
        self._first_probe(entry, now)

    def _first_probe(self, entry: Entry, now: float) -> None:
        """Learn whether the registry can reach the instance at all; without that no suspicion of it can be judged."""
        if entry.record.key not in self.suspicions.reached and self._reach.take(now):
            self._ask("reach", entry, None)

    def _follow(self, entry: Entry, now: float, wall: int) -> None:
        record = entry.record
        self.leases.follow(entry, now)
        self.checks.follow(entry, now)
        if record.facts.unreachable:
            self.suspicions.recover(record.key, record.generation, now)
        else:
            self.suspicions.recovered(record.key)
        self._schedule_removal(entry, now, wall)

    def _forget(self, entry: Entry | None) -> None:
        if entry is None:
            return
        record = entry.record
        self.leases.drop(record.key)
        self.checks.drop(record.key)
        self.suspicions.forget(record.key)
        self.guard.not_refused(record.instance.zone, record.key)
        if removal := self._removal_of.pop(record.key, None):
            removal.wake = NEVER

    def _schedule_removal(self, entry: Entry, now: float, wall: int) -> None:
        record = entry.record
        if removal := self._removal_of.pop(record.key, None):
            removal.wake = NEVER
        facts, critical_after = record.facts, record.instance.deregister_critical_after
        if facts.expired_at:
            after = self._retention - (wall - facts.expired_at) / 1000
        elif facts.failing_since and critical_after:
            after = critical_after - (wall - facts.failing_since) / 1000
        else:
            return
        removal = self._removal_of[record.key] = _Removal(record.key, record.generation, entry.status)
        self._removals.put(removal, now + min(max(after, 0.0), max(self._retention, critical_after)))

    # --- What instances and callers say -----------------------------------------------------------------------------

    def renew(self, key: str, generation: int, owner: bytes, now: float, wall: int) -> Renewal:
        renewal = self.leases.renew(key, generation, owner, now)
        if renewal is Renewal.MARKED:
            self._commands.append(Revive(key, generation, owner, wall))
            return Renewal.RENEWED
        if renewal is Renewal.UNKNOWN and self.state.get(key) is not None:
            return Renewal.STATIC
        return renewal

    def session_opened(self, key: str, now: float) -> None:
        self.sessions[key] = self.sessions.get(key, 0) + 1
        if entry := self.state.get(key):
            self._first_probe(entry, now)

    def session_closed(self, key: str, generation: int, now: float, *, lost: bool) -> None:
        """A session ended. `lost`: its stream broke. If no other carries the session, and the instance did not say goodbye, something is wrong."""
        left = self.sessions.get(key, 1) - 1
        if left > 0:
            self.sessions[key] = left
            return
        self.sessions.pop(key, None)
        entry = self.state.get(key)
        if not lost or entry is None or entry.status in ("draining", "expired"):
            return
        if not generation or generation == entry.record.generation:
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
        if entry is None:
            raise Rejected("unknown_instance", "no such instance: register it")
        record = entry.record
        if generation and generation != record.generation:
            raise Rejected("superseded", "a newer registration holds this id")
        if record.owner and record.owner != owner:
            raise Rejected("not_owner", "the owner secret does not match")
        tracker = self._ttl_check(key, check)
        changed = self.checks.pushed(tracker, result, said, now)
        if changed is None:
            return tracker.health, None
        return changed.health, SetHealth(key, tracker.generation, tracker.check.name, changed.health, wall)

    def _ttl_check(self, key: str, name: str) -> checks.Tracker:
        pushed = [tracker for tracker in self.checks.of(key) if not tracker.check.active]
        named = [tracker for tracker in pushed if name in ("", tracker.check.name)]
        if len(named) != 1:
            known = ", ".join(tracker.check.name for tracker in pushed) or "none"
            raise Rejected("unknown_check", f"its ttl checks: {known}", field="check")
        return named[0]

    # --- What probes say --------------------------------------------------------------------------------------------

    def found(self, ask: Ask, answer: Answer, said: str, now: float, wall: int) -> None:
        """A probe came back."""
        self._learn(ask, answer, now)
        match ask.about:
            case checks.Tracker() as tracker:
                self._checked(ask, tracker, answer, said, now, wall)
            case suspicion.Suspicion() as suspected:
                self._confirmed(ask, suspected, answer, now, wall)
            case suspicion.Recovery() as recovery:
                if answer in _ANSWERS:
                    self._commands.append(SetReach(ask.key, recovery.generation, False, wall))
                self.suspicions.again(recovery, now)
            case None:
                pass

    def _learn(self, ask: Ask, answer: Answer, now: float) -> None:
        """What any probe's answer says of sight, whatever it was sent for."""
        lease = self.leases.get(ask.key)
        zone_name = ask.instance.zone
        if answer in _ANSWERS:
            self.guard.not_refused(zone_name, ask.key)
            if self.state.get(ask.key) is not None:
                self.suspicions.reached.add(ask.key)
            if lease is not None:
                lease.zone.heard = now
                lease.zone.unanswered.discard(ask.key)
                if lease.phase == "overdue":
                    lease.zone.sighted.add(ask.key)
        elif answer is Answer.REFUSED and ask.key in self.suspicions.reached and lease is not None:
            self.guard.refused(zone_name, ask.key, now)
        elif answer is Answer.SILENT and lease is not None:
            lease.zone.sighted.discard(ask.key)

    def _checked(
        self, ask: Ask, tracker: checks.Tracker, answer: Answer, said: str, now: float, wall: int
    ) -> None:
        if not self.checks.current(tracker):
            return
        result = None if self._excused(ask, answer) else checks.RESULT_OF[answer]
        if changed := self.checks.probed(tracker, result, said, now):
            self._commands.append(
                SetHealth(ask.key, tracker.generation, tracker.check.name, changed.health, wall)
            )

    def _excused(self, ask: Ask, answer: Answer) -> bool:
        """Silence does not count while the guard holds, nor refusals while a firewall makes them."""
        zone = ask.instance.zone
        if answer is Answer.SILENT:
            return self.guard.holds(zone, ask.key)
        return answer is Answer.REFUSED and self._refusals_lie(zone)

    def _refusals_lie(self, zone: str) -> bool:
        renewed = {
            key: lease.renewed
            for key in self.guard.refused_in(zone)
            if (lease := self.leases.get(key)) is not None
        }
        return self.guard.refusals_lie(zone, renewed)

    def _confirmed(
        self, ask: Ask, suspected: suspicion.Suspicion, answer: Answer, now: float, wall: int
    ) -> None:
        suspected.running = False
        if self.suspicions.get(ask.key) is not suspected:
            return
        if answer is Answer.UNASKED:
            self.suspicions.ask_again(suspected, now + LOOK_S)
        elif answer is Answer.SILENT:
            self._unanswered(ask, suspected, now, wall)
        else:
            self._close(ask, suspected)
            if answer is Answer.REFUSED and not self._refusals_lie(ask.instance.zone):
                self._commands.append(SetReach(ask.key, suspected.generation, True, wall))

    def _unanswered(self, ask: Ask, suspected: suspicion.Suspicion, now: float, wall: int) -> None:
        lease = self.leases.get(ask.key)
        suspected.attempts += 1
        if lease is not None:
            lease.zone.unanswered.add(ask.key)
        heard = lease is not None and lease.renewed > suspected.since
        if suspected.cause == "overdue" or heard:
            # An overdue lease ends by its own time; lost probes alone do not shorten it.
            self._close(ask, suspected)
            return
        if suspected.attempts < limits.SUSPICION_PROBES:
            self.suspicions.ask_again(suspected, now)
            return
        self.guard.look(now, wall)
        if self.guard.holds(ask.instance.zone, ask.key):
            self.suspicions.ask_again(suspected, now + limits.RECOVERY_PROBE_MAX_S)
            return
        self._close(ask, suspected)
        self._commands.append(SetReach(ask.key, suspected.generation, True, wall))

    def _close(self, ask: Ask, suspected: suspicion.Suspicion) -> None:
        self.suspicions.close(suspected)
        if lease := self.leases.get(ask.key):
            lease.zone.unanswered.discard(ask.key)

    # --- The passing of time ----------------------------------------------------------------------------------------

    def tick(self, now: float, wall: int) -> None:
        """Handle what is due, at most `DUE_PER_TICK` of each kind; the rest makes `next_deadline` say now."""
        overdue, still, lapsing = self.leases.due(now, limits.DUE_PER_TICK)
        self._commands += [MarkOverdue(lease.key, lease.generation, wall) for lease in overdue]
        for lease in (*overdue, *still):
            self.suspicions.raise_(lease.key, lease.generation, "overdue", now)
        if overdue or lapsing or now >= self._look_at:
            self._look(now, wall)
        for lease in lapsing:
            self._lapse(lease, now, wall)
        self._run_checks(now, wall)
        for item in self.suspicions.due(now, limits.DUE_PER_TICK):
            self._ask_suspect(item)
        for removal in self._removals.due(now, limits.DUE_PER_TICK):
            self._commands.append(Remove(removal.key, removal.generation, removal.status))

    def _look(self, now: float, wall: int) -> None:
        self._look_at = now + LOOK_S
        self.guard.look(now, wall)
        for zone in self.guard.zones_refused():
            if self._refusals_lie(zone):
                self._take_back(zone, wall)

    def _take_back(self, zone: str, wall: int) -> None:
        """The verdicts a lying firewall led to."""
        for key in self.guard.refused_in(zone):
            entry = self.state.get(key)
            if entry is not None and entry.record.facts.unreachable:
                self._commands.append(SetReach(key, entry.record.generation, False, wall))

    def _lapse(self, lease: Lease, now: float, wall: int) -> None:
        if self.guard.holds(lease.zone.name, lease.key):
            self.leases.postpone(lease, now + limits.OVERDUE_PROBE_S)
            self.suspicions.raise_(lease.key, lease.generation, "overdue", now)
            return
        lease.phase = "lapsing"
        self._commands.append(Expire(lease.key, lease.generation, wall))

    def _run_checks(self, now: float, wall: int) -> None:
        probes, silent = self.checks.due(now, limits.DUE_PER_TICK)
        for tracker in probes:
            if entry := self.state.get(tracker.key):
                self._ask("check", entry, tracker, tracker.check)
        for tracker, health in silent:
            entry = self.state.get(tracker.key)
            if entry is not None and self.guard.holds(entry.record.instance.zone, tracker.key):
                self.checks.hold(tracker, now)
            else:
                self._commands.append(
                    SetHealth(tracker.key, tracker.generation, tracker.check.name, health, wall)
                )

    def _ask_suspect(self, item: suspicion.Suspicion | suspicion.Recovery) -> None:
        entry = self.state.get(item.key)
        if entry is not None and entry.record.generation == item.generation:
            purpose: Purpose = "confirm" if isinstance(item, suspicion.Suspicion) else "recover"
            self._ask(purpose, entry, item)

    def _ask(
        self,
        purpose: Purpose,
        entry: Entry,
        about: checks.Tracker | suspicion.Suspicion | suspicion.Recovery | None,
        check: Check | None = None,
    ) -> None:
        self._asks.append(Ask(purpose, entry.record.instance, entry.record.key, about, check))

    def paused(self, gap: float, now: float, wall: int) -> None:
        """The registry stood still for `gap` s. `now` runs on without the gap, so every deadline moved by it already."""
        self.guard.paused(gap, now, wall)

    def begin(self, command: Command) -> bool:
        """Just before one of our own commands is decided: False if it is no longer wanted."""
        if not isinstance(command, Expire):
            return True
        lease = self.leases.get(command.key)
        if lease is None or lease.phase != "lapsing" or lease.generation != command.generation:
            return False
        lease.phase = "expiring"
        self.expiries += 1
        return True

    def not_committed(self, command: Command, now: float) -> None:
        """One of our own commands could not be written: it will be found again."""
        key = getattr(command, "key", "")
        if isinstance(command, Expire) and (lease := self.leases.get(key)):
            self.leases.refused(lease, now + LOOK_S)
        if isinstance(command, SetHealth):
            for tracker in self.checks.of(key):
                tracker.streak = max(tracker.streak, limits.CHECK_THRESHOLD_MAX)
        if isinstance(command, Remove) and (removal := self._removal_of.get(key)):
            self._removals.put(removal, now + LOOK_S)

    # --- What the shell reads ---------------------------------------------------------------------------------------

    def take(self) -> Turn:
        """What has become necessary since the last call."""
        turn = Turn(self._commands, self._asks)
        self._commands, self._asks = [], []
        return turn

    @property
    def has_work(self) -> bool:
        return bool(self._commands or self._asks)

    def next_deadline(self, now: float) -> float:
        """When `tick` should run next."""
        deadlines = (
            self._look_at,
            self.leases.next_deadline(),
            self.checks.next_deadline(),
            self.suspicions.next_deadline(now),
            self._removals.next_deadline(),
        )
        return min(at for at in deadlines if at is not None)

    def settled(self, now: float) -> bool:
        """True once everybody who could still be renewing elsewhere has had the time to show up here."""
        longest = max(self.leases.longest, limits.LEASE_TTL_S)
        return now - self._began >= min(longest, limits.SETTLE_MAX_S)

    def settles_at(self) -> float:
        longest = max(self.leases.longest, limits.LEASE_TTL_S)
        return self._began + min(longest, limits.SETTLE_MAX_S)


_ANSWERS = frozenset({Answer.ANSWERED, Answer.WARNED, Answer.FAILED})
"""Something is there and speaks."""


def _generation(entry: Entry) -> int:
    return entry.record.generation
