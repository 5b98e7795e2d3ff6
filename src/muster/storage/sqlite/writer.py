"""The thread that owns the database. It takes everything that waits, does it in order, and hands the results to the loop.

Commits that follow one another share one transaction and one sync of the disk: while that sync runs, the next ones gather.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from muster.registry.store import Changes, CommitOutcome, StoreUnavailable, Unknown
from muster.storage.sqlite.database import Database, InDoubt
from muster.storage.sqlite.inbox import Call, Commit, Inbox, Job

Answer = CommitOutcome | Exception
Deliver = Callable[[Sequence[Changes], Sequence[tuple[Commit, Answer]]], None]
"""Takes transactions to be published, and then the answers to be given."""


class Writer:
    """Runs from `start` until the inbox is closed and empty; then closes the database and calls `ended`."""

    def __init__(
        self, database: Database, inbox: Inbox, *, deliver: Deliver, ended: Callable[[], None]
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._deliver = deliver
        self._ended = ended
        self._working = False

    def start(self) -> None:
        """The thread is a daemon: a process that forgets to close the store loses nothing and does not hang."""
        threading.Thread(target=self._run, name="muster-store", daemon=True).start()

    def _run(self) -> None:
        try:
            while jobs := self._inbox.take():
                self._working = True
                if late := self._database.heal():
                    self._deliver(late, ())
                self._serve(jobs)
                self._working = False
        finally:
            self._inbox.close()
            self._database.close()
            self._ended()

    @property
    def computing(self) -> bool:
        """At work, and not just waiting for the disk: it needs the interpreter."""
        return self._working and not self._database.syncing

    def serve_waiting(self) -> None:
        """For a long job on the writer's thread, between two of its steps."""
        self._serve(self._inbox.take_waiting())

    def _serve(self, jobs: Sequence[Job]) -> None:
        together: list[Commit] = []
        for job in jobs:
            if isinstance(job, Commit):
                together.append(job)
            else:
                self._commit(together)
                together = []
                self._call(job)
        self._commit(together)

    def _commit(self, commits: Sequence[Commit]) -> None:
        if not commits:
            return
        try:
            planned = self._database.transact([commit.batch for commit in commits])
        except InDoubt as doubt:
            self._deliver((), [(commit, Unknown(str(doubt))) for commit in commits])
        except StoreUnavailable as error:
            self._deliver((), [(commit, StoreUnavailable(str(error))) for commit in commits])
        except Exception as bug:  # noqa: BLE001 - the callers shall stop loudly, not wait for ever
            self._deliver((), [(commit, bug) for commit in commits])
        else:
            self._deliver(planned.changes, list(zip(commits, planned.outcomes, strict=True)))

    def _call(self, call: Call) -> None:
        if call.answer.set_running_or_notify_cancel():
            try:
                call.answer.set_result(call.run(self._database))
            except Exception as error:  # noqa: BLE001 - it is for whoever called
                call.answer.set_exception(error)
