"""A canary at five percent: what real callers really send there, by a policy from the registry."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.proof.notes import Called, failed
from tests.proof.town import Town

POLICY = """
subsets: [{name: old, version: "1"}, {name: new, version: "2"}]
splits: [{subset: old, weight: 95}, {subset: new, weight: 5}]
"""
SHARE = 0.05
Z = 4.0
"""Of a two-sided interval that is left by chance once in 16,000 runs."""
CALLERS = ("requests", "aiohttp")


def interval(share: float, calls: int) -> tuple[float, float]:
    """Wilson's score interval, turned round: where a true share of `share` is found in so many calls."""
    width = Z * math.sqrt(share * (1 - share) / calls) + Z * Z / (2 * calls)
    return share - width, share + width


@pytest.mark.parametrize(
    "calls", [pytest.param(1_500, id="slice"), pytest.param(10_000, id="whole", marks=pytest.mark.slow)]
)
def test_a_canary_gets_five_percent(tmp_path: Path, calls: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    with Town(tmp_path) as town:
        town.steer(POLICY)
        town.serve("web-1", "web-2", options=("--version", "1"))
        town.serve("web-3", options=("--version", "2"))
        town.call("picks")
        for name in town.members:
            town.notes.until_picked(name, {"picks"})
        began = time.monotonic()
        town.call(*CALLERS, seed=seed, rate=400)
        town.notes.until_called(calls * len(CALLERS), since=began, seconds=600)
        town.hush()
        made = [note for note in town.notes.since(began) if isinstance(note, Called)]
    for caller in CALLERS:
        to = Counter(note.to for note in made if note.by == caller)
        low, high = interval(SHARE, to.total())
        share = to["web-3"] / to.total()
        print(
            f"seed {seed}: {caller} sent {share:.4f} of {to.total()} calls to the canary; {low:.4f}..{high:.4f}"
        )
        assert low <= share <= high
    assert failed(made) == []
