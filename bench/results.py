"""The last full run of every figure: `RESULTS.json` is what was measured, `RESULTS.md` is that for people.

A figure is written as soon as it is measured, and those that were not run keep what they had. What stands below the mark in
RESULTS.md (what was profiled, what was tried) is written by hand and left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from bench import report
from bench.figure import Number

FOLDER = Path(__file__).parent
MARK = "<!-- Everything above this line is written by `make bench`. -->\n"


class Result(Struct, frozen=True):
    """One figure, as it was measured `at` this moment on this `machine`."""

    at: str
    machine: str
    numbers: tuple[Number, ...]


Results = dict[str, Result]


def keep(name: str, numbers: Sequence[Number], order: Sequence[str], folder: Path = FOLDER) -> None:
    """Put the figure called `name` in the place of its last run. `order`: how the figures follow each other on the page."""
    results = load(folder)
    at = datetime.now(UTC).isoformat(timespec="minutes")
    results[name] = Result(at, report.machine(), tuple(numbers))
    results = {each: results[each] for each in order if each in results}
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=2)
    (folder / "RESULTS.json").write_bytes(encoded + b"\n")
    page = folder / "RESULTS.md"
    page.write_text(render(results) + MARK + _by_hand(page))


def load(folder: Path = FOLDER) -> Results:
    path = folder / "RESULTS.json"
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else {}


def render(results: Results) -> str:
    """The page down to the mark."""
    lines = [
        "# Results",
        "",
        "Each figure as it came out of its last full run. [How it is measured](README.md).",
        "",
    ]
    for name, result in results.items():
        lines += [f"## {name}", "", f"{result.at}, {result.machine}", "", *report.rows(result.numbers), ""]
    return "\n".join(lines) + "\n"


def _by_hand(page: Path) -> str:
    _, mark, rest = page.read_text().partition(MARK) if page.exists() else ("", "", "")
    return rest if mark else ""
