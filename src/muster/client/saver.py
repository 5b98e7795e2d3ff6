"""When what goes to disk, and what happens when it cannot: the caller goes on, and `status()` says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue

from muster.model import limits

from .disk import Disk, Foreign, Unreadable
from .state import Snapshot
from .status import Counts

log = logging.getLogger(__name__)


class Saver:
    """At most one write per service and `interval` seconds. Without a disk it does nothing.

    Writing has a thread of its own: a disk may be slow, or hang, and the registry is listened to meanwhile.
    """

    def __init__(
        self,
        disk: Disk | None,
        counts: Counts,
        clock: Callable[[], float],
        interval: float = limits.CLIENT_SAVE_S,
    ) -> None:
        self._disk = disk
        self._counts = counts
        self._clock = clock
        self._interval = interval
        self._waiting: dict[str, Snapshot] = {}
        self._saved: dict[str, float] = {}
        self._refused: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Saver to {self._disk}, {len(self._waiting)} waiting>"

    def load(self, service: str) -> tuple[Snapshot, float] | None:
        """The service as last saved and the seconds since, or None."""
        if self._disk is None:
            return None
        try:
            return self._disk.load(service)
        except (OSError, Unreadable) as error:
            self._failed(service, error)
            return None

    def changed(self, snapshot: Snapshot) -> None:
        if self._disk is not None and snapshot.service not in self._refused:
            self._waiting[snapshot.service] = snapshot

    def save_due(self, trusted: Callable[[Snapshot], bool]) -> None:
        """Those whose time has come. What is not `trusted` waits on, and everything does while the disk is busy."""
        if not self._waiting or not self._idle.is_set():
            return
        now = self._clock()
        due = [name for name in self._waiting if now >= self._saved.get(name, now) + self._interval_of(name)]
        taken = [self._waiting.pop(name) for name in due if trusted(self._waiting[name])]
        if taken:
            self._saved.update((snapshot.service, now) for snapshot in taken)
            self._aside(partial(self._save, taken))

    def save_all(self, trusted: Callable[[Snapshot], bool]) -> None:
        """The last ones, unless the disk is busy for longer than anybody waits for us."""
        if self._idle.wait(limits.CLIENT_CLOSE_S / 2):
            self._save(list(filter(trusted, self._waiting.values())))
        self._waiting.clear()
        self._work.put(None)

    def sweep(self) -> None:
        if self._disk is not None:
            self._aside(self._sweep)

    def _aside(self, work: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="muster-disk", daemon=True)
            self._thread.start()
        self._idle.clear()
        self._work.put(work)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._idle.set()

    def _sweep(self) -> None:
        assert self._disk is not None
        try:
            self._disk.sweep()
        except OSError as error:
            self._failed("temporary files", error)

    def _interval_of(self, name: str) -> float:
        return self._interval if name in self._saved else 0.0

    def _save(self, snapshots: Iterable[Snapshot]) -> None:
        for snapshot in snapshots:
            assert self._disk is not None
            try:
                self._disk.save(snapshot)
            except (OSError, Unreadable) as error:
                self._failed(snapshot.service, error)

    def _failed(self, what: str, error: Exception) -> None:
        """Told once per service and kind of failure in the log, counted always. A stranger's file is never tried again."""
        self._counts.disk_errors += 1
        if isinstance(error, Foreign):
            self._refused.add(what)
        kind = (what, type(error).__name__)
        if kind not in self._told:
            self._told.add(kind)
            log.warning("the saved mirror of %s cannot be used: %s", what, error)
