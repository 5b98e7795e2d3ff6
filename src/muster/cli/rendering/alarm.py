"""An end to work that may not know one: a loop of a template can neither be stopped by asking it nor from another thread.

The kernel's timer interrupts it (`setitimer(2)`). Python hands signals to the main thread alone, so elsewhere there is no end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLong(Exception):
    """It took longer than it may."""


class _Over(BaseException):
    """Raised where the work is: nothing there may take it for an error of its own, and go on."""


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Raises `TooLong` inside when the time is over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise _Over

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Over:
        raise TooLong(f"{what} is not done after {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, before)
