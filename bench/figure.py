"""What a figure says: numbers, each the median of its runs, beside the bound it must keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal, Protocol

from msgspec import Struct

Scale = Literal["full", "quick", "tiny"]
"""full: what RESULTS.md holds. quick: the same shape in a minute. tiny: the harness runs at all; the numbers mean nothing."""


class Number(Struct, frozen=True):
    """One number of a figure. A ratio has the unit "x"; `beside` says of what to what, in absolute terms."""

    what: str
    runs: tuple[float, ...]
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    beside: str = ""

    @property
    def median(self) -> float:
        return median(self.runs)

    @property
    def held(self) -> bool:
        """True also where nothing is promised."""
        low = float("-inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return low <= self.median <= high

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g} {self.unit}"
        return f">= {self.at_least:g} {self.unit}" if self.at_least is not None else ""


class Figure(Protocol):
    """A module of `bench.figures`."""

    __doc__: str | None
    measure: Callable[[Scale], Sequence[Number]]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Run by run: what disturbs the machine disturbs neighbours alike."""
    return tuple(our / their for our, their in zip(ours, theirs, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
