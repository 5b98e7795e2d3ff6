"""The embedded store as the event loop sees it: a `Store` on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from muster.model import limits
from muster.registry.store import Batch, Changes, CommitOutcome, Committed, Loaded, TailEvent
from muster.storage.history import History
from muster.storage.plan import check, closed
from muster.storage.sqlite.backup import Backup, take_backup
from muster.storage.sqlite.courtesy import Courtesy
from muster.storage.sqlite.database import Database
from muster.storage.sqlite.inbox import Call, Commit, Inbox
from muster.storage.sqlite.schema import MIGRATIONS, Migration
from muster.storage.sqlite.writer import Answer, Writer

T = TypeVar("T")
OnCommit = Callable[[float], None]


class SqliteStore:
    """Open it with `SqliteStore.open`. Everything here runs on the loop; the database runs on the writer's thread."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: OnCommit | None = None,
        queue: int = limits.STORE_QUEUE_BATCHES,
        history_bytes: int = limits.STORE_HISTORY_BYTES,
    ) -> None:
        self.path = database.path
        self._loop = asyncio.get_running_loop()
        self._on_commit = on_commit
        self._history = History(
            epoch=database.head.epoch, revision=database.head.revision, budget=history_bytes
        )
        self._inbox = Inbox(queue)
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._writer = Writer(
            database,
            self._inbox,
            deliver=lambda changes, answers: self._soon(partial(self._receive, changes, answers)),
            ended=lambda: self._soon(self._end),
        )
        self._courtesy = Courtesy(self._loop, lambda: self._writer.computing)
        self._writer.start()

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path} {self._history!r}>"

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        on_commit: OnCommit | None = None,
        queue: int = limits.STORE_QUEUE_BATCHES,
        history_bytes: int = limits.STORE_HISTORY_BYTES,
        migrations: Sequence[Migration] = MIGRATIONS,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> SqliteStore:
        """Open the database at `path`, or create it; its directory is made if need be. Raises `StoreRefused`.

        `on_commit` is called on the loop for each committed batch, with the seconds from `commit` to durable.
        """
        database = await asyncio.to_thread(Database.open, path, migrations=migrations, kind=connection)
        return cls(database, on_commit=on_commit, queue=queue, history_bytes=history_bytes)

    # --- the port ---

    async def load(self) -> Loaded:
        with self._courtesy:
            return await asyncio.wrap_future(self._call(Database.load))

    async def commit(self, batch: Batch) -> CommitOutcome:
        """A batch that was accepted is committed, or refused, also if the caller stops waiting for the answer."""
        check(batch)
        answer: asyncio.Future[CommitOutcome] = self._loop.create_future()
        self._inbox.put(Commit(batch, answer, self._loop.time()))
        with self._courtesy:
            return await answer

    def tail(self, after: int) -> AsyncIterator[TailEvent]:
        if self._ended.done():
            raise closed()
        return self._history.tail(after)

    async def close(self) -> None:
        self._inbox.close()
        await asyncio.shield(self._ended)

    # --- backup ---

    async def backup(self, destination: Path, *, overwrite: bool = False) -> Backup:
        """Copy the live store into one file that appears whole or not at all; commits go on meanwhile. Raises `BackupFailed`."""
        with self._courtesy:
            return await asyncio.to_thread(
                take_backup, self.path, destination, copy=self._copy_to, overwrite=overwrite
            )

    def _copy_to(self, destination: Path) -> None:
        self._call(lambda database: database.copy_to(destination, self._writer.serve_waiting)).result()

    # --- from and to the writer's thread ---

    def _call(self, run: Callable[[Database], T]) -> Future[T]:
        answer: Future[T] = Future()
        self._inbox.put(Call(run, answer))
        return answer

    def _soon(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            pass  # the loop is closed, and with it everyone who waited

    def _receive(self, changes: Sequence[Changes], answers: Sequence[tuple[Commit, Answer]]) -> None:
        self._history.publish(changes)  # first: nobody learns of a commit before its readers could
        now = self._loop.time()
        for commit, answer in answers:
            if isinstance(answer, Committed) and self._on_commit:
                self._on_commit(now - commit.accepted)
            _tell(commit.answer, answer)

    def _end(self) -> None:
        self._history.close()
        self._ended.set_result(None)


def _tell(waiting: asyncio.Future[CommitOutcome], answer: Answer) -> None:
    if waiting.cancelled():
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
