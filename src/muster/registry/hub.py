"""Who reads which service, and when they are told of a change.

A reader registers under the services it reads and is woken with `service_changed`; it then reads the snapshot or the feed from
its own position. The first change of a service goes out at once, those within `FOLD_S` after it go out together. Many readers
are woken in slices, so that heartbeats and probes are served in between. Churn of one service wakes nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from muster.core.state import ServiceKey
from muster.model import limits


class Reader(Protocol):
    """A watch stream, a blocked read, a template: whoever waits for a service to change."""

    def service_changed(self, service: ServiceKey) -> None: ...


class Hub:
    """`propagated` is called with the seconds from a change's commit to the last reader's turn, for the metrics."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        propagated: Callable[[float, int], None] = lambda seconds, readers: None,
        *,
        fold: float = limits.FOLD_S,
    ) -> None:
        self._loop = loop
        self._propagated = propagated
        self._fold = fold
        self._readers: dict[ServiceKey, dict[Reader, None]] = {}
        self._folding: dict[ServiceKey, float | None] = {}
        self._telling: dict[ServiceKey, int] = {}
        self.pending: set[ServiceKey] = set()
        """Services with a change that not every reader was told of yet."""

    def add(self, service: ServiceKey, reader: Reader) -> None:
        self._readers.setdefault(service, {})[reader] = None

    def remove(self, service: ServiceKey, reader: Reader) -> None:
        readers = self._readers.get(service)
        if readers is not None:
            readers.pop(reader, None)
            if not readers:
                del self._readers[service]

    def readers(self, service: ServiceKey) -> Iterable[Reader]:
        return self._readers.get(service, ())

    def __len__(self) -> int:
        return sum(len(readers) for readers in self._readers.values())

    def changed(self, services: Iterable[ServiceKey]) -> None:
        """These services have new snapshots."""
        now = self._loop.time()
        watched = [service for service in services if service in self._readers]
        # All of them first: a stream of two services must not call the first one's revision done before it has the second.
        self.pending.update(watched)
        for service in watched:
            if service in self._folding:
                if self._folding[service] is None:
                    self._folding[service] = now
            else:
                self._open_fold(service)
                self._publish(service, now)

    def _open_fold(self, service: ServiceKey) -> None:
        self._folding[service] = None
        self._loop.call_later(self._fold, self._unfold, service)

    def _unfold(self, service: ServiceKey) -> None:
        committed = self._folding.pop(service)
        if committed is not None:
            self._open_fold(service)
            self._publish(service, committed)

    def _publish(self, service: ServiceKey, committed: float) -> None:
        readers = tuple(self._readers.get(service, ()))
        self._telling[service] = self._telling.get(service, 0) + 1
        self._wake(service, committed, readers, 0)

    def _wake(self, service: ServiceKey, committed: float, readers: tuple[Reader, ...], first: int) -> None:
        still = self._readers.get(service, {})
        last = first + limits.READERS_PER_TURN
        for reader in readers[first:last]:
            if reader in still:
                reader.service_changed(service)
        if last < len(readers):
            self._loop.call_soon(self._wake, service, committed, readers, last)
        else:
            self._all_told(service)
            # Writes reach the kernel at the end of this turn; one turn later they are there.
            self._loop.call_soon(self._done, committed, len(readers))

    def _all_told(self, service: ServiceKey) -> None:
        self._telling[service] -= 1
        if not self._telling[service]:
            del self._telling[service]
            if self._folding.get(service) is None:
                self.pending.discard(service)

    def _done(self, committed: float, readers: int) -> None:
        self._propagated(self._loop.time() - committed, readers)
