"""What a full run leaves behind."""

from __future__ import annotations

from pathlib import Path

from bench.figure import Number
from bench.results import MARK, keep, load

ORDER = ("first", "second")
SLOW, QUICK = Number("delay", (9.0,), "ms"), Number("delay", (3.0,), "ms")


def test_a_figure_replaces_its_last_run_and_leaves_the_others(tmp_path: Path) -> None:
    for name, number in [("second", SLOW), ("first", SLOW), ("second", QUICK)]:
        keep(name, [number], ORDER, tmp_path)
    assert [(name, each.numbers) for name, each in load(tmp_path).items()] == [
        ("first", (SLOW,)),
        ("second", (QUICK,)),
    ]


def test_what_was_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    page.write_text(f"old figures\n{MARK}What was profiled.\n")
    keep("first", [QUICK], ORDER, tmp_path)
    assert page.read_text().endswith(f"{MARK}What was profiled.\n")
    assert "old figures" not in page.read_text()
    assert "| delay | 3 ms |" in page.read_text()
