"""Thousands of small worlds that go wrong, each from one seed: `make simulate SEEDS=5000`."""

import pytest
from tests.simulation.world import simulate

pytestmark = pytest.mark.simulation


def test_every_promise_is_kept(seed: int) -> None:
    simulate(seed)
