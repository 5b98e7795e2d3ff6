"""Durations as people write them: `30`, `2.5`, `"500ms"`, `"30s"`, `"5m"`, `"1h"`. Seconds inside."""

from __future__ import annotations

import math
import re

from .errors import invalid

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?")


def seconds(value: float | str, field: str, *, least: float = 0.0, most: float = math.inf) -> float:
    """`value` in seconds; a bare number is seconds. Raises `Rejected` naming `field`."""
    amount = _parse(value, field) if isinstance(value, str) else float(value)
    if not math.isfinite(amount) or not least <= amount <= most:
        raise invalid(field, f"must be {show(least)} to {show(most)}, not {value}")
    return amount


def _parse(value: str, field: str) -> float:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise invalid(field, "must be a duration such as 500ms, 30s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2] or "s"]


def show(amount: float) -> str:
    """`0.5` -> `500ms`, `90` -> `90s`, `3600` -> `1h`."""
    if not math.isfinite(amount):
        return "any"
    for unit, least in (("h", 1), ("m", 2)):
        if amount >= _UNITS[unit] * least and amount % _UNITS[unit] == 0:
            return f"{amount / _UNITS[unit]:g}{unit}"
    return f"{amount:g}s" if amount >= 1 or amount == 0 else f"{amount * 1000:g}ms"
