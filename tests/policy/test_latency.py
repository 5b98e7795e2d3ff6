"""Up at once, down slowly, forgotten in the end."""

from math import exp

import pytest

from muster.model import limits
from muster.policy.latency import UNPROVEN, Latency


def test_a_slow_answer_counts_at_once() -> None:
    latency = Latency()
    latency.observe(0.01, 0.0, 10.0)
    latency.observe(0.50, 0.0, 10.0)
    assert latency.expected(0.0, 10.0, 0) == 0.5


def test_a_quick_one_pulls_it_down_over_the_decay() -> None:
    latency = Latency()
    latency.observe(1.0, 0.0, 10.0)
    latency.observe(0.0, 10.0, 10.0)
    assert latency.expected(10.0, 10.0, 0) == pytest.approx(exp(-1))


def test_it_fades_while_nothing_is_heard() -> None:
    latency = Latency()
    latency.observe(1.0, 0.0, 10.0)
    assert latency.expected(30.0, 10.0, 0) == pytest.approx(exp(-3))


def test_one_that_never_answered_is_tried_but_not_flooded() -> None:
    assert Latency().expected(0.0, 10.0, 0) == limits.PEAK_EWMA_DEFAULT_S
    assert Latency().expected(0.0, 10.0, 1) == UNPROVEN
