"""Distributions, the other axis of a balancer: which of a row of endpoints, by chance, in turn, or by comparing loads.

    position = distribution.pick(rng, now)

Immutable but for the counter they are given. `shares()` is what each position gets in the long run while all are idle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Protocol

from muster.model import limits

from .loads import Load

if TYPE_CHECKING:
    from random import Random


_OUT_OF_STEP = 40_507
"""Keeps slots of equal weight out of step, so that a round is not all of them and the next none: the golden section of
STRIDE_WEIGHT, without a common divisor. (gRFC A58 takes a half, which puts many of the light ones into the same rounds.)"""


class Distribution(Protocol):
    def pick(self, rng: Random, now: float) -> int: ...
    def shares(self) -> list[float]: ...


class Uniform:
    """Any."""

    __slots__ = ("_count",)

    def __init__(self, count: int) -> None:
        self._count = count

    def pick(self, rng: Random, now: float) -> int:
        return int(rng.random() * self._count)

    def shares(self) -> list[float]:
        return [1.0 / self._count] * self._count


class Weighted:
    """Any, in proportion to weight, in constant time: the alias method (M. D. Vose, 1991).

    Every position stands for an equal part of the whole, and shares it with at most one other, its alias.
    """

    __slots__ = ("_aliases", "_count", "_kept", "_weights")

    def __init__(self, weights: Sequence[float]) -> None:
        self._count = len(weights)
        self._weights = tuple(weights)
        mean = sum(weights) / self._count
        kept = [weight / mean for weight in weights]
        aliases = list(range(self._count))
        small = [position for position, part in enumerate(kept) if part < 1.0]
        large = [position for position, part in enumerate(kept) if part >= 1.0]
        while small and large:
            poor, rich = small.pop(), large[-1]
            aliases[poor] = rich
            kept[rich] -= 1.0 - kept[poor]
            if kept[rich] < 1.0:
                small.append(large.pop())
        for position in (*small, *large):
            kept[position] = 1.0  # but for rounding
        self._kept = tuple(kept)
        self._aliases = tuple(aliases)

    def pick(self, rng: Random, now: float) -> int:
        where = rng.random() * self._count
        position = int(where)
        return position if where - position < self._kept[position] else self._aliases[position]

    def shares(self) -> list[float]:
        total = sum(self._weights)
        return [weight / total for weight in self._weights]


class Turns:
    """One after the other."""

    __slots__ = ("_count", "_turn")

    def __init__(self, count: int, turn: Callable[[], int]) -> None:
        self._count = count
        self._turn = turn

    def pick(self, rng: Random, now: float) -> int:
        return self._turn() % self._count

    def shares(self) -> list[float]:
        return [1.0 / self._count] * self._count


class Stride:
    """One after the other, each as often as its weight says, and never in bursts: gRFC A58's static stride scheduler.

    A round looks at every slot once; one of half the largest weight is passed over every second round. The only state is the
    counter. A heavy one has several slots, evenly spread, so that few are passed over before one is found.
    https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md
    """

    __slots__ = ("_owners", "_slots", "_turn", "_weights")

    def __init__(self, weights: Sequence[float], turn: Callable[[], int]) -> None:
        slots = sorted(_slots(weights))
        largest = max(weight for _, _, weight in slots)
        self._owners = tuple(position for _, position, _ in slots)
        self._weights = tuple(
            max(1, round(limits.STRIDE_WEIGHT * weight / largest)) for _, _, weight in slots
        )
        self._slots = len(slots)
        self._turn = turn

    def pick(self, rng: Random, now: float) -> int:
        while True:
            turn, slot = divmod(self._turn(), self._slots)
            weight = self._weights[slot]
            step = weight * turn + slot * _OUT_OF_STEP
            if step % limits.STRIDE_WEIGHT >= limits.STRIDE_WEIGHT - weight:
                return self._owners[slot]

    def shares(self) -> list[float]:
        owned = [0.0] * (max(self._owners) + 1)
        for position, weight in zip(self._owners, self._weights, strict=True):
            owned[position] += weight / sum(self._weights)
        return owned


def _slots(weights: Sequence[float]) -> Iterator[tuple[float, int, float]]:
    """(place on the round, position, weight of the slot): no slot weighs more than `STRIDE_SKEW` times the mean."""
    most = limits.STRIDE_SKEW * sum(weights) / len(weights)
    for position, weight in enumerate(weights):
        copies = ceil(weight / most)
        for copy in range(copies):
            place = copy + (position + 0.5) / len(weights)
            yield place / copies, position, weight / copies


class TwoChoices:
    """Of two different ones drawn, the less loaded; if they are level, the first, so that idle endpoints get what was drawn.

    M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001; Envoy's least_request N_CHOICES.
    """

    __slots__ = ("_count", "_draw", "_drawn", "_load")

    def __init__(self, drawn: Distribution, count: int, load: Load) -> None:
        self._drawn = drawn
        self._draw = drawn.pick
        self._count = count
        self._load = load.of

    def pick(self, rng: Random, now: float) -> int:
        first = self._draw(rng, now)
        load = self._load(first, now)
        if load == 0.0:
            return first  # nobody is less loaded
        second = self._draw(rng, now)
        if second == first:
            second = (first + 1 + int(rng.random() * (self._count - 1))) % self._count
        return second if self._load(second, now) < load else first

    def shares(self) -> list[float]:
        return self._drawn.shares()


class Fewest:
    """Of all, the least loaded; between equals, in proportion to weight. Looks at everyone (Envoy's least_request FULL_SCAN)."""

    __slots__ = ("_load", "_positions", "_weights")

    def __init__(self, weights: Sequence[float], load: Load) -> None:
        self._weights = tuple(weights)
        self._positions = range(len(weights))
        self._load = load.of

    def pick(self, rng: Random, now: float) -> int:
        load = self._load
        found = [load(position, now) for position in self._positions]
        least = min(found)
        level = [position for position in self._positions if found[position] == least]
        if len(level) == 1:
            return level[0]
        return rng.choices(level, [self._weights[position] for position in level])[0]

    def shares(self) -> list[float]:
        total = sum(self._weights)
        return [weight / total for weight in self._weights]
