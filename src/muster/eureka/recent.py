"""What changed in the last three minutes, for `/apps/delta`: each instance once, with its last change.

A client applies the delta to what it has, counts statuses, and compares with the hash of the whole registry that came along. If
they differ it asks for everything: so a delta that had to forget something costs a fetch, never a wrong view.
"""

from __future__ import annotations

from msgspec import Struct

from muster.core.state import Change, Entry
from muster.model import limits

from .translation import listed


class Recently(Struct, frozen=True, gc=False):
    """`entry` is the instance after the change, or before it left. `at` in seconds."""

    at: float
    action: str
    entry: Entry


class Recent:
    def __init__(self) -> None:
        self._changes: dict[tuple[str, str], Recently] = {}
        self.count = 0

    def note(self, change: Change, now: float) -> None:
        was = change.before is not None and listed(change.before)
        if change.after is not None and listed(change.after):
            recently = Recently(now, "MODIFIED" if was else "ADDED", change.after)
        elif change.before is not None and was:
            recently = Recently(now, "DELETED", change.before)
        else:
            return
        key = (change.service.name, change.id)
        self._changes.pop(key, None)
        self._changes[key] = recently
        self.count += 1
        if len(self._changes) > limits.EUREKA_DELTA_CHANGES:
            del self._changes[next(iter(self._changes))]

    def since(self, now: float) -> tuple[Recently, ...]:
        """The oldest first."""
        while self._changes:
            key = next(iter(self._changes))
            if self._changes[key].at > now - limits.EUREKA_DELTA_S:
                break
            del self._changes[key]
        return tuple(self._changes.values())

    def forget(self) -> None:
        """Another history begins."""
        self._changes.clear()
