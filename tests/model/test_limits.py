"""Bounds live in a file for each area, and are read as if they were in one."""

import ast
from collections import Counter
from pathlib import Path

from muster.model import limits

AREAS = sorted(Path(limits.__file__).parent.glob("[a-z]*.py"))


def names(area: Path) -> list[str]:
    body = ast.parse(area.read_text()).body
    return [target.id for node in body if isinstance(node, ast.Assign) for target in node.targets]  # type: ignore[attr-defined]


def test_every_area_can_be_read_in_one_place() -> None:
    missing = [name for area in AREAS for name in names(area) if not hasattr(limits, name)]
    assert AREAS
    assert missing == []


def test_a_name_means_one_thing() -> None:
    counts = Counter(name for area in AREAS for name in names(area))
    assert [name for name, count in counts.items() if count > 1] == []
