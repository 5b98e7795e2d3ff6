"""Peak EWMA: an average of latencies that rises at once and falls slowly, so that one slow answer counts.

Finagle's `PeakEwma` (com.twitter.finagle.loadbalancer.p2c) and Envoy's extension of that name (source
`load_balancing_policies/peak_ewma/cost.cc`): cost = latency x (outstanding + 1).
"""

from __future__ import annotations

from math import exp
from typing import Final

from muster.model import limits

UNPROVEN: Final = 1e6
"""Seconds: an endpoint that has requests under way and never answered is worse than any that did (Envoy's penalty_value)."""


class Latency:
    """One endpoint's. Times in seconds."""

    __slots__ = ("_at", "_cost")

    def __init__(self) -> None:
        self._cost = -1.0
        self._at = 0.0

    def __repr__(self) -> str:
        return f"<Latency {self._cost:.4f}s>" if self._cost >= 0 else "<Latency unknown>"

    def observe(self, took: float, now: float, decay: float) -> None:
        """An answer that came after `took` s. A slower one than the average replaces it; a faster one pulls it down."""
        weight = exp(-max(0.0, now - self._at) / decay)
        self._cost = took if took > self._cost else self._cost * weight + took * (1.0 - weight)
        self._at = now

    def expected(self, now: float, decay: float, outstanding: int) -> float:
        """Seconds. It decays while nothing is heard, so that an endpoint once slow is tried again."""
        if self._cost < 0.0:
            return UNPROVEN if outstanding else limits.PEAK_EWMA_DEFAULT_S
        return self._cost * exp(-max(0.0, now - self._at) / decay)
