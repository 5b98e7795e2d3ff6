"""How a busy event loop lets the writer's thread run.

A thread may demand the interpreter's lock only after it has waited 5 ms for it (`sys.getswitchinterval`), and the wait starts anew
each time the lock is released. A loop with work at hand never rests, yet at each of its turns, when it asks the kernel for events,
it releases the lock for a microsecond: too short for the other thread to wake up and take it. Measured: while a loop is saturated
with turns of up to 5 ms, the writer's thread commits nothing at all.

So while there is work with the writer, the loop looks every millisecond whether it has been running much of the time, and if so,
sleeps until the writer has had its turn. A loop that mostly rests is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from threading import Lock
from types import TracebackType

from muster.model import limits

BUSY = 0.25
"""Share of the time since the last look that the loop's thread was running. A saturated one may get no more than half of its core."""


class Courtesy:
    """Work with the writer is waited for inside `with courtesy:`. `computing` tells whether the writer needs the interpreter now."""

    def __init__(self, loop: asyncio.AbstractEventLoop, computing: Callable[[], bool]) -> None:
        self._loop = loop
        self._computing = computing
        self._waiting = 0
        self._looking = False
        self._looked = clocks()
        self._nobodys = Lock()
        self._nobodys.acquire()

    def __enter__(self) -> None:
        self._waiting += 1
        if not self._looking:
            self._looking = True
            self._look_later()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting -= 1

    def _look_later(self) -> None:
        self._looked = clocks()
        self._loop.call_later(limits.STORE_COURTESY_S, self._look)

    def _look(self) -> None:
        self._looking = self._waiting > 0
        if self._looking:
            if self._ran_much():
                self._give_way()
            self._look_later()

    def _ran_much(self) -> bool:
        (wall, ran), (wall_then, ran_then) = clocks(), self._looked
        return ran - ran_then > BUSY * (wall - wall_then)

    def _give_way(self) -> None:
        until = time.monotonic() + limits.STORE_COURTESY_MAX_S
        self._sleep()
        while self._computing() and time.monotonic() < until:
            self._sleep()

    def _sleep(self) -> None:
        self._nobodys.acquire(timeout=limits.STORE_COURTESY_SLEEP_S)


def clocks() -> tuple[float, float]:
    """Seconds of the wall, and seconds this thread has been running."""
    return time.monotonic(), time.thread_time()
