"""SIGTERM, held back until the callers have gone elsewhere.

A server stops accepting as soon as it is told to end; its shutdown hooks come after that, too late for anybody who was
about to call. So we stand before its handler. That works where the handler is one of Python's own (`signal.signal`), in
the process that accepts; not where a loop or a parent process takes the signal (docs/how-to/drain.md says which is which).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType

log = logging.getLogger(__name__)

AGAIN_S = 0.25
"""A supervisor may signal a process and then its group, which is asking once; whoever asks again takes longer."""


class HeldBack:
    """Stands before the present handler of SIGTERM. `work` runs once, in a thread; then the signal goes on. A second signal
    goes on at once. To be made in the main thread, or it raises ValueError."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._pid = os.getpid()
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._asked_at = 0.0
        self._done = False
        # It waits from now on: a handler may interrupt its thread anywhere, even while that starts a thread.
        threading.Thread(target=self._run, name="muster-sigterm", daemon=True).start()
        self._behind = signal.signal(signal.SIGTERM, self._handle)

    def __repr__(self) -> str:
        return f"<HeldBack before {self._behind!r}>"

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        elsewhere = os.getpid() != self._pid  # a forked child inherits handlers, not threads
        if self._done or elsewhere or (self._asked_at and now - self._asked_at > AGAIN_S):
            self._pass_on(signum, frame)
        elif not self._asked_at:
            self._asked_at = now
            self._asked.put(None)

    def _pass_on(self, signum: int, frame: FrameType | None) -> None:
        if callable(self._behind):
            self._behind(signum, frame)
        elif self._behind != signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)

    def _run(self) -> None:
        self._asked.get()
        try:
            self._work()
        except Exception:
            log.exception("draining failed")
        self._done = True
        os.kill(self._pid, signal.SIGTERM)


def hold_back(work: Callable[[], object], *, default: bool = False) -> bool:
    """Hold SIGTERM back if this is the thread in which uvicorn handles it; with `default`, also if nobody handles it, so
    that it would end the process. Says whether."""
    if threading.current_thread() is not threading.main_thread():
        return False
    present = signal.getsignal(signal.SIGTERM)
    if not _of_uvicorn(present) and not (default and present == signal.SIG_DFL):
        return False
    HeldBack(work)
    return True


def _of_uvicorn(handler: object) -> bool:
    """A method of its `Server`, or of somebody's subclass of that."""
    server = getattr(handler, "__self__", None)
    return any(each.__module__.startswith("uvicorn.") for each in type(server).__mro__)
