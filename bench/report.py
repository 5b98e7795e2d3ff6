"""The figures on paper: a table for people and for RESULTS.md, JSON for programs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.figure import Number


def write(found: Mapping[str, Sequence[Number]], output: str) -> None:
    if output == "json":
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document(found)), indent=2) + b"\n")
    else:
        print(table(found))


def document(found: Mapping[str, Sequence[Number]]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": {
            name: [
                {**msgspec.to_builtins(number), "median": number.median, "held": number.held}
                for number in numbers
            ]
            for name, numbers in found.items()
        },
    }


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def table(found: Mapping[str, Sequence[Number]]) -> str:
    lines = [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}", ""]
    return "\n".join([*lines, *rows([number for numbers in found.values() for number in numbers])])


def rows(numbers: Sequence[Number]) -> list[str]:
    """A table in Markdown."""
    head = ["| what | median | must be | held | runs | in absolute terms |", "|---|---|---|---|---|---|"]
    return [*head, *map(_row, numbers)]


def _row(number: Number) -> str:
    runs = " ".join(f"{run:.3g}" for run in number.runs)
    held = ("yes" if number.held else "**no**") if number.bound else ""
    return f"| {number.what} | {number.median:.3g} {number.unit} | {number.bound} | {held} | {runs} | {number.beside} |"
