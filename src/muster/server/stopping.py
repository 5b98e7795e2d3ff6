"""The end of the process: asked for by a signal, in good order, and within a limit whatever happens.

The first SIGTERM or SIGINT asks. A second one, or the limit, ends the process where it stands: a kill loses nothing that
was acknowledged, and whoever manages us would send SIGKILL next.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import structlog

log = structlog.get_logger("muster")

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CUT_SHORT = 1


class Stop:
    """`within` s from the first signal to the end. `await asked.wait()` is where the server lives."""

    def __init__(self, within: float) -> None:
        self._within = within
        self.asked = asyncio.Event()

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self.asked.is_set():
            _cut_short("asked a second time")
        self.asked.set()
        # A thread: whatever keeps the loop from turning must not keep the process from ending.
        limit = threading.Timer(self._within, _cut_short, [f"not done within {self._within:g} s"])
        limit.daemon = True
        limit.start()


def _cut_short(why: str) -> None:
    log.error("stop cut short", reason=why)
    os._exit(CUT_SHORT)
