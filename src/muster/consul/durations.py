"""Durations as Go writes them: `10s`, `1m30s`, `250ms`, `1.5h`. Seconds inside."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(ns|us|µs|μs|ms|s|m|h)")
LONGEST_CHARS = 64
LONGEST_S = (2**63 - 1) * 1e-9
"""Go counts nanoseconds in 64 bits: 292 years. More is no duration."""


def parse(text: str) -> float:
    """Seconds. Raises ValueError, with Go's words."""
    if text == "0":
        return 0.0
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    total, at = 0.0, 0
    while at < len(rest) <= LONGEST_CHARS and (part := _PART.match(rest, at)):
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if not rest or at < len(rest) or total > LONGEST_S:
        raise ValueError(f'time: invalid duration "{text[:LONGEST_CHARS]}"')
    return sign * total


def seconds(value: str | float | None) -> float:
    """Of a field: text, or a number of nanoseconds as Go counts; nothing is 0. Raises ValueError."""
    if value is None or value == "":
        return 0.0
    if isinstance(value, str):
        return parse(value)
    if abs(value) * 1e-9 > LONGEST_S:
        raise ValueError("time: invalid duration: over 292 years")
    return value * 1e-9


def show(amount: float) -> str:
    """`90.0` -> `1m30s`, as Go's `Duration.String`."""
    if amount == 0:
        return "0s"
    if abs(amount) < 1:
        return f"{amount * 1000:g}ms"
    hours, rest = divmod(amount, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours:.0f}h{minutes:.0f}m{seconds:g}s"
    return f"{minutes:.0f}m{seconds:g}s" if minutes else f"{seconds:g}s"
