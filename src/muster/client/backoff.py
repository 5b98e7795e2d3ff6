"""Which registry to try next, and how long to wait before: pure, with the dice passed in.

The first attempt after a loss goes to the next registry soon, spread over a short while (all watchers of a dying registry
lose it at the same instant). Once every registry has failed, waits double up to a bound, half of each by chance.
"""

from __future__ import annotations

from random import Random

from msgspec import Struct

from muster.model import limits


class Attempt(Struct, frozen=True):
    """Try registry number `index`, `after` seconds from now."""

    index: int
    after: float


class Rounds:
    """Turns through `count` registries, beginning anywhere, so that callers spread over them."""

    def __init__(
        self,
        count: int,
        rng: Random,
        *,
        first: float = limits.CLIENT_RETRY_FIRST_S,
        longest: float = limits.CLIENT_RETRY_MAX_S,
    ) -> None:
        self._count = count
        self._rng = rng
        self._first = first
        self._longest = longest
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

    def elsewhere(self) -> Attempt:
        """The present one failed: another one, where there is one."""
        full_rounds, _ = divmod(self._failures, self._count)
        self._failures += 1
        self._index = (self._index + 1) % self._count
        return Attempt(self._index, self._delay(full_rounds))

    def steady(self) -> None:
        """The present one has proved itself."""
        self._failures = 0

    def _delay(self, full_rounds: int) -> float:
        if full_rounds == 0:
            return self._rng.uniform(0.0, self._first)
        ceiling = min(self._longest, self._first * 2.0 ** min(full_rounds, 32))
        return self._rng.uniform(ceiling / 2, ceiling)
