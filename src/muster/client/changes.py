"""Changes as something to iterate over, in a thread (`for`) or on a loop (`async for`).

A reader owns no queue: what waits for it is the set of services that changed, and each step tells one of them as it is
now. A slow reader misses states in between, never the last.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .board import Board
from .state import Mirror

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Event


class Changes:
    """Mirrors, each when its service has changed; of `services` alone, if any are named. Ends when it is closed.

    `timeout` in seconds ends a `for` that waited so long in vain; an `async for` is bounded by `asyncio.timeout`. Several threads and
    loops may share one: each change goes to one of them. `begin` has whoever tells the board begin with it, also in a forked child;
    held here, so that he does not end while somebody waits for him.
    """

    def __init__(
        self,
        board: Board,
        services: tuple[str, ...] = (),
        timeout: float | None = None,
        *,
        begin: Callable[[], object] = bool,
    ) -> None:
        self._board = board
        self._begin = begin
        self._services = services
        self._timeout = timeout
        self._changed: dict[str, None] = {}
        self._closed = False
        self._news = threading.Condition()
        self._sleepers: set[Callable[[], None]] = set()
        board.subscribe(self)

    def __repr__(self) -> str:
        return f"<Changes of {', '.join(self._services) or 'all services'}, {len(self._changed)} waiting>"

    def close(self) -> None:
        """From any thread: iteration ends after what is waiting."""
        with self._news:
            self._closed = True
            self._wake()

    def __iter__(self) -> Changes:
        return self

    def __next__(self) -> Mirror:
        self._begin()
        with self._news:
            self._news.wait_for(lambda: self._changed or self._closed, self._timeout)
            return self._board.mirror(self._pop(StopIteration))

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Mirror:
        import asyncio  # whoever is here has it; for everybody else it would be half of what importing us costs

        loop = asyncio.get_running_loop()
        self._begin()
        while True:
            arrived = asyncio.Event()
            wake = partial(_set, loop, arrived)
            with self._news:
                if self._changed or self._closed:
                    return self._board.mirror(self._pop(StopAsyncIteration))
                self._sleepers.add(wake)
            try:
                await arrived.wait()
            finally:
                self._sleepers.discard(wake)

    def heard(self, service: str) -> None:
        if self._services and service not in self._services:
            return
        with self._news:
            if not self._closed:
                self._changed[service] = None
                self._wake()

    def forked(self) -> None:
        self._news = threading.Condition()
        self._sleepers = set()

    def _pop(self, over: type[Exception]) -> str:
        if not self._changed:
            raise over
        service = next(iter(self._changed))
        del self._changed[service]
        return service

    def _wake(self) -> None:
        self._news.notify_all()
        for wake in list(self._sleepers):
            wake()


def _set(loop: AbstractEventLoop, arrived: Event) -> None:
    """The loop may be gone by now, and with it whoever waited."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(arrived.set)
