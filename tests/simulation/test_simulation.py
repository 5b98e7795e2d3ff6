"""Thousands of small worlds that go wrong, each from one seed: `make simulate SEEDS=5000`."""

import subprocess
import sys

import pytest
from tests.simulation.world import simulate
from tests.source import ROOT

pytestmark = pytest.mark.simulation


def test_every_promise_is_kept(seed: int) -> None:
    simulate(seed)


def test_one_seed_is_one_run() -> None:
    """Whatever the interpreter does to the order of sets."""
    assert trace(hash_seed=1) == trace(hash_seed=2)


def trace(hash_seed: int) -> str:
    code = "from tests.simulation.world import simulate; print(*simulate(3).chronicle.trace, sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert ran.stdout
    return ran.stdout
