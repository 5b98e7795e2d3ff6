"""Where the following thread puts what it knows, and where everybody else looks.

Readers take no lock: a snapshot is immutable, and putting one into the dictionary replaces it at once. The lock is for
those who wait for news.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Protocol

from .state import Failed, Mirror, Snapshot, mirror_of
from .status import Counts

Listener = Callable[[Mirror], None]


class Subscriber(Protocol):
    """Somebody who waits for changes; held weakly, so that dropping it is enough. None of these may block."""

    def heard(self, service: str) -> None: ...
    def close(self) -> None: ...
    def forked(self) -> None: ...


log = logging.getLogger(__name__)


class Board:
    """`snapshots` and `vouched` (service -> when a registry last vouched for it) are read by anyone, written by one thread.
    `show` is given each snapshot before readers have it."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        show: Callable[[Snapshot], None] = lambda snapshot: None,
    ) -> None:
        self.clock = clock
        self._show = show
        self.snapshots: dict[str, Snapshot] = {}
        self.vouched: dict[str, float] = {}
        self.failure = ""
        self.hopeless = False
        self.counts = Counts()
        self._listeners: tuple[Listener, ...] = ()
        self._subscribers: weakref.WeakSet[Subscriber] = weakref.WeakSet()
        self._over = False
        self._news = threading.Condition()

    def __repr__(self) -> str:
        return f"<Board of {len(self.snapshots)} services>"

    def mirror(self, service: str) -> Mirror:
        return mirror_of(
            service,
            self.snapshots.get(service),
            age=self.age(service) or 0.0,
            failure=self.failure if self.hopeless else "",
        )

    def known(self, services: Iterable[str]) -> bool:
        """Whether there is something to go by for each of them."""
        return all(service in self.snapshots for service in services)

    def why(self, service: str) -> str:
        """Why nothing is known of it."""
        mirror = self.mirror(service)
        return mirror.reason if isinstance(mirror, Failed) else "pending"

    def age(self, service: str) -> float | None:
        when = self.vouched.get(service)
        return None if when is None else max(0.0, self.clock() - when)

    def put(self, snapshots: Iterable[Snapshot], vouched: dict[str, float]) -> None:
        self.vouched.update(vouched)
        for snapshot in snapshots:
            self._show(snapshot)
            self.snapshots[snapshot.service] = snapshot
            self.counts.changes += 1
        with self._news:
            self._news.notify_all()

    def restore(self, service: str, saved: tuple[Snapshot, float] | None) -> Snapshot | None:
        """What was saved of a service, and how many seconds ago, where nothing better is known."""
        if saved is not None:
            snapshot, age = saved
            self.put([snapshot], {service: self.clock() - age})
        return self.snapshots.get(service)

    def fail(self, failure: str, *, hopeless: bool) -> None:
        """`hopeless`: no registry is left that has not failed."""
        self.failure, self.hopeless = failure, hopeless
        self.wake()

    def succeed(self) -> None:
        self.failure, self.hopeless = "", False

    def announce(self, services: Iterable[str]) -> None:
        """Tell who listens. What a callback raises is its own affair: it is logged, and stops nothing."""
        for service in services:
            for subscriber in self._present():
                subscriber.heard(service)
            for listener in self._listeners:
                try:
                    listener(self.mirror(service))
                except (
                    BaseException
                ):  # `sys.exit()` too: it would end this thread, and nothing would be heard any more
                    self.counts.callback_errors += 1
                    log.exception("a callback failed on a change of %s", service)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Returns what ends it."""
        with self._news:
            self._listeners = (*self._listeners, listener)
        return lambda: self._forget(listener)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Who comes after the end is told so."""
        with self._news:
            self._subscribers.add(subscriber)
            over = self._over
        if over:
            subscriber.close()

    def end(self) -> None:
        """Nothing will change any more."""
        with self._news:
            self._over = True
        for subscriber in self._present():
            subscriber.close()
        self.wake()

    def wait(self, until: Callable[[], bool], timeout: float) -> bool:
        """True as soon as `until` holds; it is asked after every `put`. Raises TypeError for a service's name in place of the seconds."""
        if not isinstance(timeout, int | float | None):
            raise TypeError(f"timeout is a number of seconds, not {timeout!r}")
        with self._news:
            return self._news.wait_for(until, timeout)

    def wake(self) -> None:
        """Have everybody who waits look again."""
        with self._news:
            self._news.notify_all()

    def forked(self) -> None:
        """In the child: the lock may have been held by a thread that does not exist here."""
        self._news = threading.Condition()
        for subscriber in self._present():
            subscriber.forked()

    def _present(self) -> list[Subscriber]:
        with self._news:
            return list(self._subscribers)

    def _forget(self, listener: Listener) -> None:
        with self._news:
            self._listeners = tuple(known for known in self._listeners if known != listener)
