"""The guard: when a registry loses sight of many at once, it doubts itself before it doubts them.

A zone is *held* while more than `GUARD_RATIO` and at least `GUARD_MINIMUM` of its leased instances are silent (overdue, or
under an unanswered suspicion), and until that has been false for `GUARD_CLEAR_S`. While held, nobody of it leaves by silence.
If some of the zone is seen meanwhile (renewals, answered probes), the hold on the silent rest ends `GUARD_CLEAR_S` after the
later of its beginning and the first sight; if nobody is seen, it lasts until sight returns or an operator ends it. Who answers
probes is not silent: it stays protected while anything is left of the hold.

The registry suspects itself, and holds every zone, when all zones are silent at once or its own ticks jumped. Refusals are
proof and pass the guard (`refusals.py` says when they do not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from muster.model import limits

from .zone import Zone

NEVER = float("-inf")


class Rules(Struct, frozen=True):
    """What an operator may set. `ratio` 0..1; `clear` s."""

    ratio: float = limits.GUARD_RATIO
    minimum: int = limits.GUARD_MINIMUM
    clear: float = limits.GUARD_CLEAR_S


class Hold(Struct):
    """One hold. Times in machine seconds; `since_wall` in ms, for people. `exempt`: the silent it no longer protects; `over`:
    its condition was true at the last look."""

    reason: str
    since: float
    since_wall: int
    last_true: float
    seen_since: float = NEVER
    exempt: frozenset[str] = frozenset()
    released: bool = False
    over: bool = True

    def __repr__(self) -> str:
        return f"<Hold {'released' if self.released else 'held'} since={self.since:.1f} {self.reason}>"


class HoldReport(Struct, frozen=True):
    """A hold, or its absence, for people and metrics. `zone` None is the registry itself. `exit` says how it ends."""

    zone: str | None
    state: str
    reason: str
    since_ms: int
    leased: int
    silent: int
    seen: bool
    exit: str


class Guard:
    """Holds by zone, and one for all. `zones` is the leases' own table."""

    def __init__(self, zones: Mapping[str, Zone], rules: Rules = Rules()) -> None:
        self._zones = zones
        self._rules = rules
        self._holds: dict[str, Hold] = {}
        self._all: Hold | None = None

    # --- The question everyone asks ---------------------------------------------------------------------------------

    def holds(self, zone: str, key: str) -> bool:
        """True while `key` must not leave by silence."""
        sighted = key in self._zones[zone].sighted if zone in self._zones else False
        return any(_protects(hold, key, sighted=sighted) for hold in (self._all, self._holds.get(zone)))

    def gave_up(self, zone: str, key: str) -> bool:
        """True if a hold on `key` was ended, by its rules or an operator: no more doubt about this silence."""
        return any(hold is not None and key in hold.exempt for hold in (self._all, self._holds.get(zone)))

    # --- Watching the zones -----------------------------------------------------------------------------------------

    def look(self, now: float, wall: int, *, only: str | None = None) -> None:
        """Begin, go on with and end holds: of every zone, or of this one and of the registry itself."""
        for name, zone in self._zones.items() if only is None else self._one(only):
            over = _over(zone.leased, zone.silence, self._rules)
            hold = self._holds.get(name)
            if over or hold is not None:
                self._keep(name, self._step(hold, over, _why(zone), [zone], now, wall))
        for name in [name for name in self._holds if name not in self._zones]:
            del self._holds[name]
        self._look_at_all(now, wall)

    def _one(self, name: str) -> Iterable[tuple[str, Zone]]:
        zone = self._zones.get(name)
        return [] if zone is None else [(name, zone)]

    def _look_at_all(self, now: float, wall: int) -> None:
        """Zones of one instance are never held by themselves; here they count."""
        zones = [zone for zone in self._zones.values() if zone.leased]
        blind = len(zones) >= limits.GUARD_MINIMUM and all(
            zone.silence > zone.leased * self._rules.ratio for zone in zones
        )
        if blind or self._all is not None:
            reason = f"all {len(zones)} zones fell silent at once"
            self._all = self._step(self._all, blind, reason, zones, now, wall)

    def paused(self, gap: float, now: float, wall: int) -> None:
        """The registry's own ticks jumped: what it did not see was its own fault."""
        if self._all is None or self._all.released:
            self._all = Hold(f"the registry was paused for {gap:.1f} s", now, wall, now, over=False)
        else:
            self._all.last_true = now

    def _keep(self, name: str, hold: Hold | None) -> None:
        if hold is None:
            self._holds.pop(name, None)
        else:
            self._holds[name] = hold

    def _step(
        self, hold: Hold | None, over: bool, reason: str, zones: list[Zone], now: float, wall: int
    ) -> Hold | None:
        """The hold after this look; None when there is none (any more)."""
        if hold is None:
            return Hold(reason, now, wall, now) if over else None
        hold.over = over
        if over:
            hold.last_true = now
        if hold.released:
            return self._step_released(hold, zones, reason, now, wall)
        if now - hold.last_true >= self._rules.clear:
            return None
        if hold.exempt:
            hold.exempt &= _silent(zones)
        self._see(hold, zones, now)
        if hold.seen_since != NEVER and now - max(hold.since, hold.seen_since) >= self._rules.clear:
            hold.released = True
            hold.exempt = _silent(zones) - _sighted(zones)
        return hold

    def _see(self, hold: Hold, zones: list[Zone], now: float) -> None:
        heard = max((zone.heard for zone in zones), default=NEVER)
        fresh = heard > hold.since and now - heard < self._rules.clear
        somebody = any(zone.silence < zone.leased or zone.sighted for zone in zones)
        if not (fresh and somebody):
            hold.seen_since = NEVER
        elif hold.seen_since == NEVER:
            hold.seen_since = heard

    def _step_released(
        self, hold: Hold, zones: list[Zone], reason: str, now: float, wall: int
    ) -> Hold | None:
        """A hold that was ended: over when all it was about are gone or back; a new wave of silence begins a new one."""
        silent, sighted = _silent(zones), _sighted(zones)
        hold.exempt &= silent - sighted
        newly = len(silent - hold.exempt - sighted)
        if _over(sum(zone.leased for zone in zones) - len(hold.exempt), newly, self._rules):
            return Hold(reason, now, wall, now, exempt=hold.exempt)
        return hold if hold.exempt or sighted else None

    # --- Operators --------------------------------------------------------------------------------------------------

    def release(self, zone: str | None) -> bool:
        """An operator ends a hold (None: the registry's own). False if there is none."""
        hold = self._all if zone is None else self._holds.get(zone)
        if hold is None or hold.released:
            return False
        zones = list(self._zones.values()) if zone is None else [self._zones[zone]]
        hold.released = True
        hold.exempt = _silent(zones) - _sighted(zones)
        return True

    @property
    def suspect(self) -> bool:
        """True while the registry doubts itself."""
        return self._all is not None and not self._all.released

    def held_zones(self) -> list[str]:
        return [name for name, hold in self._holds.items() if not hold.released]

    def report(self, now: float) -> list[HoldReport]:
        """The registry itself first, then every zone with leases or a hold."""
        zones = list(self._zones.values())
        reports = [self._report(None, self._all, zones, now)]
        reports += [
            self._report(zone.name, self._holds.get(zone.name), [zone], now)
            for zone in sorted(zones, key=lambda zone: zone.name)
            if zone.leased or zone.name in self._holds
        ]
        return reports

    def _report(self, name: str | None, hold: Hold | None, zones: list[Zone], now: float) -> HoldReport:
        leased = sum(zone.leased for zone in zones)
        silent = sum(zone.silence for zone in zones)
        if hold is None:
            return HoldReport(name, "clear", "", 0, leased, silent, True, "")
        state = "released" if hold.released else "held"
        seen = hold.seen_since != NEVER
        return HoldReport(
            name, state, hold.reason, hold.since_wall, leased, silent, seen, self._exit(hold, now)
        )

    def _exit(self, hold: Hold, now: float) -> str:
        if hold.released:
            return f"ended; {len(hold.exempt)} silent instances may expire"
        clear = self._rules.clear - (now - hold.last_true)
        if not hold.over:
            return f"sight is back: ends in {max(clear, 0):.0f} s"
        if hold.seen_since == NEVER:
            return "nobody there is seen: lasts until sight returns or `muster guard release`"
        rest = self._rules.clear - (now - max(hold.since, hold.seen_since))
        return f"some are seen: the silent rest may expire in {max(rest, 0):.0f} s"


def _protects(hold: Hold | None, key: str, *, sighted: bool) -> bool:
    if hold is None or key in hold.exempt:
        return False
    return sighted or not hold.released


def _silent(zones: list[Zone]) -> frozenset[str]:
    return frozenset[str]().union(*(zone.silent for zone in zones))


def _sighted(zones: list[Zone]) -> frozenset[str]:
    return frozenset[str]().union(*(zone.sighted for zone in zones))


def _over(leased: int, silent: int, rules: Rules) -> bool:
    return silent >= rules.minimum and silent > leased * rules.ratio


def _why(zone: Zone) -> str:
    return f"{zone.silence} of {zone.leased} leased instances fell silent"
