"""Waiting until the program's port answers: before that, nobody should be sent to it."""

from __future__ import annotations

import socket
import threading

from .events import Events, PortAnswers

TRY_EVERY_S = 0.05
"""Nothing listens yet: on loopback and in a container's own network that is said at once, and costs nothing to ask again."""
TRY_TIMEOUT_S = 1.0


class Waiting:
    """Asks until there is an answer or `stop` is called."""

    def __init__(self, host: str, port: int, events: Events) -> None:
        self._stopped = threading.Event()
        thread = threading.Thread(
            target=self._ask, args=(host, port, events), name="muster-port", daemon=True
        )
        thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _ask(self, host: str, port: int, events: Events) -> None:
        while not self._stopped.is_set():
            if answers(host, port):
                events.put(PortAnswers())
                return
            self._stopped.wait(TRY_EVERY_S)


def answers(host: str, port: int, timeout: float = TRY_TIMEOUT_S) -> bool:
    """Whether somebody listens there. A name that does not resolve (yet) is a no."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return False
    return True
