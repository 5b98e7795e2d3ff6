"""Wall times as people read them: to the millisecond, in this machine's time zone."""

from __future__ import annotations

from datetime import UTC, datetime


def clock(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3]
