"""The callers' calls, counted by what was going on when they ended. Pure."""

from collections.abc import Iterable

from msgspec import Struct

from .journal import Line


class Counts(Struct, frozen=True):
    """`second` calls were answered by another instance than the first choice. `slowest` is in seconds."""

    made: int
    second: int
    failed: int
    slowest: float

    @property
    def first(self) -> int:
        return self.made - self.second - self.failed


def count(calls: Iterable[Line], since: float, until: float) -> Counts:
    """`calls` are lines of the event `call`."""
    within = [call for call in calls if since <= call.at < until]
    return Counts(
        made=len(within),
        second=sum(bool(call.told["troubles"]) and call.told["answered_by"] is not None for call in within),
        failed=sum(call.told["answered_by"] is None for call in within),
        slowest=max((call.at - call.told["began"] for call in within), default=0.0),
    )


def under_way(calls: Iterable[Line], instance: str, at: float) -> list[Line]:
    """Those that `instance` was answering at that moment."""
    return [c for c in calls if c.told["began"] < at <= c.at and c.told["answered_by"] == instance]
