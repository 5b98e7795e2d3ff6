"""Waiting until the program's port answers."""

from __future__ import annotations

import threading

from muster.client.port.answering import TRY_EVERY_S, answers

from .events import Events, PortAnswers


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
