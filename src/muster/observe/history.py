"""The last changes of who is offered to callers, for people: what happened to an instance, when, and why. Bounded, in memory.

Changes that leave the status and the overdue mark as they were (a weight, a tag) are kept too, as `changed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from muster.core.state import Change, Entry
from muster.model import limits
from muster.model.record import reason_of

ABSENT = "absent"
"""The status of an instance that is not registered."""


class HistoryLine(Struct, frozen=True, gc=False):
    """One change. `at` in wall-clock ms; `before` and `after` are statuses, or `absent`; `why` is the status table's reason."""

    revision: int
    at: int
    namespace: str
    service: str
    instance_id: str
    before: str
    after: str
    why: str


class History:
    def __init__(self, room: int = limits.HISTORY_LINES) -> None:
        self._lines: deque[HistoryLine] = deque(maxlen=room)

    def note(self, change: Change, at: int) -> None:
        self._lines.append(
            HistoryLine(
                revision=change.revision,
                at=at,
                namespace=change.service.namespace,
                service=change.service.name,
                instance_id=change.id,
                before=_status(change.before),
                after=_status(change.after),
                why=_why(change.before, change.after),
            )
        )

    def lines(self, namespace: str, service: str = "", id: str = "") -> Iterator[HistoryLine]:
        """The latest first; those of one service or one instance, if named."""
        for line in reversed(self._lines):
            if line.namespace == namespace and service in ("", line.service) and id in ("", line.instance_id):
                yield line


def _status(entry: Entry | None) -> str:
    return ABSENT if entry is None else entry.status


def _why(before: Entry | None, after: Entry | None) -> str:
    if after is None:
        return "deregistered, or its retention is over"
    if before is None:
        return "registered"
    if before.record.generation != after.record.generation:
        return "replaced by a new incarnation"
    if before.record.facts.overdue != after.record.facts.overdue:
        return "its heartbeat is overdue" if after.record.facts.overdue else "its heartbeat is back"
    return reason_of(after.record.facts) if before.status != after.status else "changed"
