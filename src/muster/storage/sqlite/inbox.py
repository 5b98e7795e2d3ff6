"""The bounded queue between the event loop and the writer's thread, emptied all at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from muster.registry.store import Batch, CommitOutcome, StoreUnavailable
from muster.storage.plan import closed
from muster.storage.sqlite.database import Database


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """A batch to be committed. `answer` belongs to the loop; `accepted` is when it was put in, by the loop's clock."""

    batch: Batch
    answer: asyncio.Future[CommitOutcome]
    accepted: float


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Anything else that needs the database. `answer` may be waited for anywhere."""

    run: Callable[[Database], Any]
    answer: Future[Any]


Job = Commit | Call


class Inbox:
    """Put by any thread, taken by one."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._jobs: list[Job] = []
        self._closed = False
        self._changed = threading.Condition()

    def put(self, job: Job) -> None:
        """Raises `StoreUnavailable` if it is full or closed."""
        with self._changed:
            if self._closed:
                raise closed()
            if len(self._jobs) >= self._capacity:
                raise StoreUnavailable(
                    f"{self._capacity} transactions are waiting for the disk: try again later"
                )
            self._jobs.append(job)
            self._changed.notify()

    def take(self) -> list[Job]:
        """Wait for jobs and take all. Nothing means: closed, and nothing will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            return self._empty()

    def take_waiting(self) -> list[Job]:
        """Take all there are now."""
        with self._changed:
            return self._empty()

    def _empty(self) -> list[Job]:
        jobs, self._jobs = self._jobs, []
        return jobs

    def close(self) -> None:
        """Take no more. What is in it will still be done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
