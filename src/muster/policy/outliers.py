"""Outlier ejection as Envoy does it: count results, compare endpoints, take the odd ones out for a while.

Reproduces source/common/upstream/outlier_detection_impl.cc: consecutive failures are seen at once, rates at each sweep, which also
lets the ejected come back. Names and defaults: `muster.model.resilience.OutlierDetection`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import sqrt
from typing import TYPE_CHECKING, Final, Literal

from muster.model.resilience import OutlierDetection

from .outcome import GATEWAY_STATUSES, Meaning

if TYPE_CHECKING:
    from random import Random

Cause = Literal[
    "consecutive_5xx",
    "consecutive_gateway_failure",
    "consecutive_local_origin_failure",
    "success_rate",
    "local_origin_success_rate",
    "failure_percentage",
    "failure_percentage_local_origin",
]
"""Envoy's `OutlierEjectionType`; `enforcing_` + cause is the percentage in the policy."""

_RATES: Final[tuple[tuple[int, Cause, Cause], ...]] = (
    (0, "success_rate", "failure_percentage"),
    (1, "local_origin_success_rate", "failure_percentage_local_origin"),
)
"""(which of a record's two tallies, what too low a rate is, what too high a percentage is)."""


class Tally:
    """Results of the present interval, and the success rate of the one before."""

    __slots__ = ("_good", "_total", "rate", "volume")

    def __init__(self) -> None:
        self._good = self._total = self.volume = 0
        self.rate = 100.0

    def count(self, *, good: bool) -> None:
        self._total += 1
        self._good += good

    def turn_over(self) -> None:
        """The interval is over: its percentage of successes stands until the next one is."""
        self.volume = self._total
        self.rate = 100.0 * self._good / self._total if self._total else 100.0
        self._good = self._total = 0


class Record:
    """What one endpoint did. `ejected_at` None: it is in. `cause`: why it last was not."""

    __slots__ = ("_streaks", "cause", "ejected_at", "jitter", "multiplier", "returned_at", "tallies")

    def __init__(self) -> None:
        self._streaks: dict[Cause, int] = {}
        self.tallies = (Tally(), Tally())
        self.ejected_at: float | None = None
        self.cause: Cause | None = None
        self.returned_at = float("inf")
        self.multiplier = 0
        self.jitter = 0.0

    def __repr__(self) -> str:
        return f"<Record {'in' if self.ejected_at is None else f'ejected, {self.cause}'} x{self.multiplier}>"

    def succeed(self, terms: OutlierDetection) -> None:
        """A success: what `count` does with one, without looking for what it cannot show."""
        self.tallies[0].count(good=True)
        if terms.split_external_local_origin_errors:
            self.tallies[1].count(good=True)
        if self._streaks:
            self._streaks.clear()

    def count(self, meaning: Meaning, terms: OutlierDetection) -> Iterator[Cause]:
        """One result. What it shows, if a streak became long enough."""
        if not meaning.status:
            return
        if terms.split_external_local_origin_errors:
            self.tallies[1].count(good=not meaning.local)
            if self._streak("consecutive_local_origin_failure", grows=meaning.local, terms=terms):
                yield "consecutive_local_origin_failure"
            if meaning.local:
                return
        failed = meaning.status >= 500
        self.tallies[0].count(good=not failed)
        gateway = meaning.status in GATEWAY_STATUSES
        if self._streak("consecutive_gateway_failure", grows=gateway, terms=terms):
            yield "consecutive_gateway_failure"
        if self._streak("consecutive_5xx", grows=failed, terms=terms):
            yield "consecutive_5xx"

    def _streak(self, cause: Cause, *, grows: bool, terms: OutlierDetection) -> bool:
        length = self._streaks.get(cause, 0) + 1 if grows else 0
        reached = length > 0 and length == getattr(terms, cause)
        self._streaks[cause] = 0 if reached else length
        return reached

    def eject(self, cause: Cause, now: float, terms: OutlierDetection, jitter: float) -> None:
        self.ejected_at, self.cause, self.jitter = now, cause, jitter
        if self.multiplier * terms.base_ejection_time < terms.max_ejection_time + terms.base_ejection_time:
            self.multiplier += 1

    def ejected_until(self, terms: OutlierDetection) -> float:
        """Longer each time: the base time x how often it has been ejected of late, at most the maximum."""
        assert self.ejected_at is not None
        time = min(terms.base_ejection_time * self.multiplier, terms.max_ejection_time)
        return self.ejected_at + time + self.jitter

    def readmit(self, now: float) -> None:
        """Streaks begin anew: one more failure must not eject it again."""
        self.ejected_at, self.returned_at = None, now
        self._streaks.clear()


def may_eject(ejected: int, total: int, terms: OutlierDetection) -> bool:
    """Whether one more may go: at most `max_ejection_percent` of all, but one always, if the policy says so."""
    if terms.always_eject_one_host and not ejected:
        return True
    return 100.0 * (ejected + 1) / total <= terms.max_ejection_percent


def enforced(cause: Cause, terms: OutlierDetection, rng: Random) -> bool:
    """Whether what was detected is done this time."""
    percent: int = getattr(terms, f"enforcing_{cause}")
    return percent >= 100 or rng.random() * 100.0 < percent


def returning(records: Iterable[Record], now: float, terms: OutlierDetection) -> list[Record]:
    """Those whose time is over."""
    return [r for r in records if r.ejected_at is not None and r.ejected_until(terms) <= now]


def forgive(records: Iterable[Record], now: float, terms: OutlierDetection) -> None:
    """One that has behaved for an interval since it came back is ejected for less long the next time."""
    for record in records:
        if record.ejected_at is None and now - record.returned_at >= terms.interval and record.multiplier:
            record.multiplier -= 1


def unusual(records: Iterable[Record], terms: OutlierDetection) -> Iterator[tuple[Record, Cause]]:
    """After the tallies turned over: whose success rate lies far below the others', or whose failures are too many."""
    present = [record for record in records if record.ejected_at is None]
    for which, low, high in _RATES:
        yield from ((record, low) for record in _too_low(present, which, terms))
        yield from ((record, high) for record in _too_many(present, which, terms))


def _too_low(records: list[Record], which: int, terms: OutlierDetection) -> list[Record]:
    """Below mean - factor x standard deviation, among those with enough requests, if there are enough of those."""
    heard = [r for r in records if r.tallies[which].volume >= max(1, terms.success_rate_request_volume)]
    if not heard or len(heard) < terms.success_rate_minimum_hosts:
        return []
    rates = [record.tallies[which].rate for record in heard]
    mean = sum(rates) / len(rates)
    deviation = sqrt(sum((rate - mean) ** 2 for rate in rates) / len(rates))
    threshold = mean - deviation * terms.success_rate_stdev_factor / 1000.0
    return [record for record, rate in zip(heard, rates, strict=True) if rate < threshold]


def _too_many(records: list[Record], which: int, terms: OutlierDetection) -> list[Record]:
    heard = [r for r in records if r.tallies[which].volume >= max(1, terms.failure_percentage_request_volume)]
    if len(heard) < terms.failure_percentage_minimum_hosts:
        return []
    return [r for r in heard if 100.0 - r.tallies[which].rate >= terms.failure_percentage_threshold]
