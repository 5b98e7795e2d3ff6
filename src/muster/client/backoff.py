"""Which registry to try next, and how long to wait before: pure, with the dice passed in.

The first attempt after a loss goes to the next registry soon, spread over a short while (all watchers of a dying registry
lose it at the same instant). Once every registry has failed, waits double up to a bound, half of each by chance: a low bound
while nobody is there, so that a return is seen at once, a higher one where a registry answers, and says no.
"""

from __future__ import annotations

from random import Random

from msgspec import Struct

from .timing import USUAL, Timing


class Attempt(Struct, frozen=True):
    """Try registry number `index`, `after` seconds from now."""

    index: int
    after: float


class Rounds:
    """Turns through `count` registries, beginning anywhere, so that callers spread over them."""

    def __init__(self, count: int, rng: Random, timing: Timing = USUAL) -> None:
        self._count = count
        self._rng = rng
        self._timing = timing
        self._index = rng.randrange(count)
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Rounds at {self._index} of {self._count}, {self._failures} failures>"

    @property
    def exhausted(self) -> bool:
        """Every registry has failed since one last held."""
        return self._failures >= self._count

    def begin(self) -> Attempt:
        return Attempt(self._index, 0.0)

    def again(self) -> Attempt:
        """The same registry, now: nothing is wrong with it."""
        return Attempt(self._index, 0.0)

    def elsewhere(self, *, refused: bool = False) -> Attempt:
        """The present one failed: another one, where there is one. `refused`: it is there, and said no."""
        full_rounds, _ = divmod(self._failures, self._count)
        self._failures += 1
        self._index = (self._index + 1) % self._count
        longest = self._timing.refused_retry_max if refused else self._timing.retry_max
        return Attempt(self._index, self._delay(full_rounds, longest))

    def steady(self) -> None:
        """The present one has proved itself."""
        self._failures = 0

    def _delay(self, full_rounds: int, longest: float) -> float:
        first = self._timing.retry_first
        if full_rounds == 0:
            return self._rng.uniform(0.0, first)
        ceiling = min(longest, first * 2.0 ** min(full_rounds, 32))
        return self._rng.uniform(ceiling / 2, ceiling)
