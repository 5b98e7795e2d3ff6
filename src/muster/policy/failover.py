"""How much of the traffic each level of localities takes: Envoy's priority levels.

https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority and
source/extensions/load_balancing_policies/common/load_balancer_impl.cc (`recalculatePerPriorityState`,
`recalculatePerPriorityPanic`, `recalculateLoadInTotalPanic`), in whole percents as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WHOLE = 100


class Level(NamedTuple):
    """A level's endpoints: weight and number, of those that may be used and of all."""

    usable_weight: float
    weight: float
    usable: int
    endpoints: int


class Load(NamedTuple):
    """`percent` of the traffic. `panic`: spread over all of the level's endpoints, usable or not."""

    percent: int
    panic: bool = False


def loads(levels: Sequence[Level], *, overprovisioning: int, panic_threshold: int) -> list[Load]:
    """The nearest level takes what its health carries, the next one what is left, and so on. Both arguments are percents.
    The sum is 100 if there is any endpoint at all."""
    health = [_health(level, overprovisioning) for level in levels]
    total = min(WHOLE, sum(health))
    panics = [total < WHOLE and _in_panic(level, panic_threshold) for level in levels]
    if levels and all(panics):
        shares = _in_proportion([level.endpoints for level in levels])
    elif total:
        shares = _nearest_first(health, total)
    else:
        shares = [WHOLE, *[0] * (len(levels) - 1)][: len(levels)]
    return [Load(share, panic) for share, panic in zip(shares, panics, strict=True)]


def _health(level: Level, overprovisioning: int) -> int:
    """Usable weight in percent of all, times the overprovisioning factor, at most 100."""
    return min(WHOLE, int(overprovisioning * level.usable_weight / level.weight)) if level.weight else 0


def _in_panic(level: Level, threshold: int) -> bool:
    return (WHOLE * level.usable / level.endpoints if level.endpoints else 0.0) < threshold


def _nearest_first(health: Sequence[int], total: int) -> list[int]:
    left, shares = WHOLE, []
    for score in health:
        shares.append(min(left, score * WHOLE // total))
        left -= shares[-1]
    shares[next(n for n, score in enumerate(health) if score)] += left
    return shares


def _in_proportion(counts: Sequence[int]) -> list[int]:
    shares = [WHOLE * count // sum(counts) for count in counts]
    shares[next(n for n, count in enumerate(counts) if count)] += WHOLE - sum(shares)
    return shares
