"""The feed: the last changes, in order, bounded. A watcher is a position in it and owns no queue.

One ring for all services, indexed by service, so that a watcher of one never looks at another's changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from muster.model import limits

from .state import Change, ServiceKey


class Feed:
    """Changes after `start`. What fell off the ring of a service can no longer be told: `since` says None."""

    def __init__(self, start: int, *, room: int = limits.FEED_CHANGES) -> None:
        self._start = start
        self._room = room
        self._ring: deque[Change] = deque()
        self._by_service: dict[ServiceKey, deque[Change]] = {}
        self._dropped: dict[ServiceKey, int] = {}
        self._dropped_floor = start

    def append(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._ring.append(change)
            self._by_service.setdefault(change.service, deque()).append(change)
        while len(self._ring) > self._room:
            self._drop(self._ring.popleft())

    def _drop(self, change: Change) -> None:
        own = self._by_service[change.service]
        own.popleft()
        if not own:
            del self._by_service[change.service]
        self._dropped.pop(change.service, None)
        self._dropped[change.service] = change.revision
        if len(self._dropped) > limits.SERVICES:
            # Forget the least recent: that service is then as good as dropped for all up to there.
            service, revision = next(iter(self._dropped.items()))
            del self._dropped[service]
            self._dropped_floor = max(self._dropped_floor, revision)

    def since(self, service: ServiceKey, revision: int) -> list[Change] | None:
        """The service's changes above `revision`, oldest first; None if some of them are no longer kept."""
        if revision < max(self._dropped.get(service, 0), self._start):
            return None
        if service not in self._dropped and revision < self._dropped_floor:
            return None
        changes: list[Change] = []
        for change in reversed(self._by_service.get(service, ())):
            if change.revision <= revision:
                break
            changes.append(change)
        changes.reverse()
        return changes

    def first_after(self, service: ServiceKey, revision: int) -> int | None:
        """The revision of the service's first kept change above `revision`."""
        found: int | None = None
        for change in reversed(self._by_service.get(service, ())):
            if change.revision <= revision:
                break
            found = change.revision
        return found
