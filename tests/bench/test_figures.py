"""Every figure runs, at a size that says nothing about speed: what is checked is that the harness still measures what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench.__main__ import NAMES, figure
from bench.figure import Number, quantile, ratios
from bench.report import document, table
from tests.parts import require

PARTS = {
    "lookup": ("nginx", "wrk"),
    "heartbeat": ("nginx", "wrk"),
    "register": ("wrk",),
    "replicas": ("wrk", "etcd"),
    "outages": ("wrk", "etcd"),
    "crowd": ("etcd", "etcdctl"),
    "third": ("etcd",),
    "link": ("netns", "ip", "nft", "etcd"),
    "dns": ("knotd", "dnsperf"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_runs(name: str) -> None:
    for part in PARTS.get(name, ()):
        require(part)
    numbers = figure(name).measure("tiny")
    assert numbers
    assert all(number.runs and number.what for number in numbers)


def test_watchers_of_other_services_get_no_byte() -> None:
    *_, strangers = figure("fanout").measure("tiny")
    assert strangers.median == 0


def test_a_number_is_the_median_of_its_runs_and_keeps_its_bound_or_not() -> None:
    ratio = Number("rate", (0.9, 0.2, 0.7), "x", at_least=0.6)
    late = Number("delay", (120.0,), "ms", at_most=100)
    assert (ratio.median, ratio.held, ratio.bound) == (0.7, True, ">= 0.6 x")
    assert (late.median, late.held, late.bound) == (120.0, False, "<= 100 ms")


def test_ratios_are_run_by_run() -> None:
    assert ratios([10, 30], [5, 10]) == (2, 3)


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([3, 1, 2], share) for share in (0, 0.5, 0.99, 1)] == [1, 2, 3, 3]


def test_the_report_names_what_does_not_hold() -> None:
    found = {"crash": [Number("told", (120.0, 80.0), "ms", at_most=90, beside="20 crashes")]}
    assert "| told | 100 ms | <= 90 ms | **no** | 120 80 | 20 crashes |" in table(found)
    assert document(found)["figures"]["crash"][0]["held"] is False


def test_the_page_names_every_figure() -> None:
    page = Path(__file__).parents[2].joinpath("bench", "README.md").read_text()
    assert set(NAMES) <= set(re.findall(r"`(\w+)`", page))
