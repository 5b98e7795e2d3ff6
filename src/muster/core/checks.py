"""Checks: from results to health. When a probe is due, what its answer is worth, and when that changes what callers see.

`fall` bad results in a row make a check failing, `rise` good ones take that back; the first good one ever is enough to begin.
Flapping is damped as RFC 2439 damps routes: each fall adds a penalty that decays by half in `FLAP_HALF_LIFE_S`; above the
suppress limit the check stays failing until the penalty is below the reuse limit, whatever it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from muster.model import limits
from muster.model.check import HEALTH_OF, Answer, Check, Health, Result

from .state import Entry
from .wheel import NEVER, Wheel

RESULT_OF: Final[dict[Answer, Result | None]] = {
    Answer.ANSWERED: "pass",
    Answer.WARNED: "warn",
    Answer.FAILED: "fail",
    Answer.REFUSED: "fail",
    Answer.SILENT: "fail",
    Answer.UNASKED: None,
}
"""What a probe's answer is worth as a check's result; None says nothing."""

STARTING_INTERVAL_S = 1.0
"""A check whose health is not known yet is run this often: an instance must not wait a whole interval to become discoverable."""
_GOOD: Final = frozenset({"passing", "warning"})
PROBED: Final = frozenset({"healthy", "degraded", "unhealthy", "starting", "out_of_service"})


class Rng(Protocol):
    """As much of `random.Random` as the core uses; the caller seeds it."""

    def uniform(self, a: float, b: float) -> float: ...


class Tracker(Struct, gc=False):
    """One check of one instance.

    `health` is what is committed; `decided` what will be, while its commit is under way. `streak` counts results in a row
    that speak against the one that stands, `bad` bad ones whatever stands. `refused`: the last result was a refused connection.
    """

    key: str
    generation: int
    check: Check
    health: Health
    streak: int = 0
    bad: int = 0
    penalty: float = 0.0
    penalty_at: float = 0.0
    suppressed: bool = False
    decided: Health | None = None
    refused: bool = False
    wake: int = NEVER
    said_at: float = -1.0
    said: str = ""
    result: Result | None = None

    def decayed(self, now: float) -> float:
        """RFC 2439 section 4.2: the penalty halves every half-life."""
        return float(self.penalty * 0.5 ** ((now - self.penalty_at) / limits.FLAP_HALF_LIFE_S))

    @property
    def standing(self) -> Health:
        return self.decided or self.health

    def follow(self, health: Health, now: float) -> None:
        """`health` is committed. Damping counts the falls that callers saw."""
        if self.health in _GOOD and health == "failing":
            self.penalty = min(self.decayed(now) + limits.FLAP_PENALTY, limits.FLAP_PENALTY_MAX)
            self.penalty_at = now
            self.suppressed = self.suppressed or self.penalty > limits.FLAP_SUPPRESS
        if self.decided == health:
            self.decided = None
        self.health = health

    def __repr__(self) -> str:
        return f"<Tracker {self.key} {self.check.name} {self.health} streak={self.streak}>"


class NewHealth(NamedTuple):
    tracker: Tracker
    health: Health


class Checks:
    """Every check by instance. `rng` spreads probes so that a mass registration is not a mass of probes for ever."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._trackers: dict[str, tuple[Tracker, ...]] = {}
        self._wheel: Wheel[Tracker] = Wheel()
        self.flaps = 0
        self.results: dict[Result, int] = {"pass": 0, "warn": 0, "fail": 0}

    def of(self, key: str) -> tuple[Tracker, ...]:
        return self._trackers.get(key, ())

    def all(self) -> Iterator[Tracker]:
        for trackers in self._trackers.values():
            yield from trackers

    def follow(self, entry: Entry, now: float) -> None:
        """Make the checks of `entry` what its committed record says."""
        record = entry.record
        wanted = record.instance.checks
        if not wanted or entry.status not in PROBED:
            self.drop(entry.key)
            return
        old = {tracker.check.name: tracker for tracker in self.of(entry.key)}
        self._trackers[entry.key] = tuple(
            self._follow(old.pop(check.name, None), check, entry, now) for check in wanted
        )
        for tracker in old.values():
            tracker.wake = NEVER

    def _follow(self, old: Tracker | None, check: Check, entry: Entry, now: float) -> Tracker:
        record = entry.record
        health = record.facts.checks.get(check.name, "unknown")
        if old is not None and old.check == check and old.generation == record.generation:
            self.flaps += old.health in _GOOD and health == "failing"
            old.follow(health, now)
            return old
        if old is not None:
            old.wake = NEVER
        tracker = Tracker(entry.key, record.generation, check, health, said_at=now)
        if check.active:
            spread = limits.FIRST_PROBE_JITTER_S if health == "unknown" else check.interval
            self._wheel.put(tracker, now + self._rng.uniform(0, spread))
        elif check.lapses:
            self._wheel.put(tracker, now + check.ttl)
        return tracker

    def drop(self, key: str) -> None:
        for tracker in self._trackers.pop(key, ()):
            tracker.wake = NEVER

    def current(self, tracker: Tracker) -> bool:
        return any(known is tracker for known in self.of(tracker.key))

    def due(self, now: float, most: int) -> tuple[list[Tracker], list[Tracker]]:
        """(probes to run, TTL checks whose instance said nothing in time). The latter stay filed nowhere: `lapse` or `hold` them."""
        probes: list[Tracker] = []
        silent: list[Tracker] = []
        for tracker in self._wheel.due(now, most):
            if tracker.check.active:
                probes.append(tracker)
            elif now < tracker.said_at + tracker.check.ttl:
                self._wheel.put(tracker, tracker.said_at + tracker.check.ttl)
            elif tracker.standing != "failing":
                silent.append(tracker)
        return probes, silent

    def next_deadline(self) -> float | None:
        return self._wheel.next_deadline()

    def hold(self, tracker: Tracker, until: float) -> None:
        """The guard keeps a silent TTL check as it was; it comes up again."""
        self._wheel.put(tracker, until)

    def lapse(self, tracker: Tracker) -> NewHealth:
        """The instance said nothing in time. `said_at` stays that of its last word."""
        tracker.result, tracker.said = "fail", f"no result within {tracker.check.ttl:g} s"
        return self._decide(tracker, "failing")

    def probed(self, tracker: Tracker, answer: Answer, said: str, now: float) -> NewHealth | None:
        """A probe came back; the new health, if that changes it. `UNASKED` says nothing."""
        health: Health | None = None
        if (result := RESULT_OF[answer]) is not None:
            tracker.refused = answer is Answer.REFUSED
            health = self._take(tracker, result, said, now)
        starting = (health or tracker.standing) == "unknown"
        interval = min(tracker.check.interval, STARTING_INTERVAL_S) if starting else tracker.check.interval
        self._wheel.put(tracker, now + interval * self._rng.uniform(0.95, 1.05))
        return self._decide(tracker, health) if health else None

    def pushed(self, tracker: Tracker, result: Result, said: str, now: float) -> NewHealth | None:
        """The instance said how it is (a TTL check). Its word counts at once; damping applies."""
        tracker.streak = max(tracker.check.fall, tracker.check.rise)
        health = self._take(tracker, result, said, now)
        if tracker.check.lapses:
            self._wheel.put(tracker, now + tracker.check.ttl)
        return self._decide(tracker, health) if health else None

    def take_back(self, key: str) -> list[NewHealth]:
        """What refusals made of the checks of `key` was a firewall's lie."""
        lied = [t for t in self.of(key) if t.refused and t.standing == "failing"]
        return [self._decide(tracker, "passing") for tracker in lied]

    def _decide(self, tracker: Tracker, health: Health) -> NewHealth:
        tracker.decided = health
        tracker.streak = 0
        if health != "warning":
            tracker.bad = 0
        return NewHealth(tracker, health)

    # --- What became of a decision ----------------------------------------------------------------------------------

    def wants(self, key: str, generation: int, name: str, health: Health) -> bool:
        """Whether a decision still stands."""
        tracker = self._named(key, name)
        return tracker is not None and tracker.generation == generation and tracker.decided == health

    def done(self, key: str, name: str, health: Health) -> None:
        """It is committed, or was so already."""
        tracker = self._named(key, name)
        if tracker is not None and tracker.decided == health:
            tracker.decided = None

    def not_committed(self, key: str, name: str, at: float) -> None:
        """The store would not have it: the next result decides again; so does the lasting silence of a TTL check, at `at`."""
        tracker = self._named(key, name)
        if tracker is not None:
            tracker.decided = None
            tracker.streak = limits.CHECK_THRESHOLD_MAX
            if not tracker.check.active:
                self._wheel.put(tracker, at)

    def _named(self, key: str, name: str) -> Tracker | None:
        return next((tracker for tracker in self.of(key) if tracker.check.name == name), None)

    def _say(self, tracker: Tracker, result: Result, said: str, now: float) -> None:
        self.results[result] += 1
        tracker.result, tracker.said, tracker.said_at = result, said, now

    def _take(self, tracker: Tracker, result: Result, said: str, now: float) -> Health | None:
        self._say(tracker, result, said, now)
        health = HEALTH_OF[result]
        tracker.bad = tracker.bad + 1 if health == "failing" else 0
        if health == tracker.standing:
            tracker.streak = 0
            return None
        tracker.streak += 1
        if health == "failing":
            return _fallen(tracker)
        if tracker.standing == "failing":
            return health if self._risen(tracker, now) else None
        return health

    def _risen(self, tracker: Tracker, now: float) -> bool:
        if tracker.streak < tracker.check.rise:
            return False
        if tracker.suppressed and tracker.decayed(now) >= limits.FLAP_REUSE:
            return False
        tracker.suppressed = False
        return True


def _fallen(tracker: Tracker) -> Health | None:
    """What a further bad result makes of the check."""
    check, bad = tracker.check, max(tracker.streak, tracker.bad)
    if bad >= check.fall:
        return "failing"
    return "warning" if 0 < check.warn <= bad and tracker.standing == "passing" else None
