"""The program's place in the registry: the library's registrar, never waited for longer than a moment.

The registrar works in threads of its own, and `muster.client.parting` bounds what is asked of it, so that a registry that
hangs holds up neither the signal nor the exit code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from muster.cli.text import shown
from muster.client import parting
from muster.client.registrar import Drained, Registrar, RegistrarStatus

from .events import DrainEnded, Events

LOOK_EVERY_S = 0.25
"""How often the registrar is asked whether something has changed that a person should read."""


class RegistrarMembership:
    """`wait`: seconds that readers have for acknowledging a drain. `say` takes lines for people."""

    def __init__(self, registrar: Registrar, wait: float, events: Events, say: Callable[[str], None]) -> None:
        self._registrar = registrar
        self._wait = wait
        self._events = events
        self._say = say
        self._ending = threading.Event()

    def __repr__(self) -> str:
        return f"<RegistrarMembership {self._registrar!r}>"

    def join(self) -> None:
        self._registrar.start()
        _in_background(self._report, "report")

    def begin_drain(self) -> None:
        self._ending.set()
        _in_background(self._drain, "drain")

    def leave(self) -> None:
        self._ending.set()
        if why := parting.leave(self._registrar):
            self._say(f"not deregistered: {shown(why)}")

    def _drain(self) -> None:
        registered = self._registrar.status().generation
        drained = acknowledged_line(parting.drain(self._registrar, self._wait))
        self._events.put(DrainEnded(drained if registered else "nothing to drain: it was never registered"))

    def _report(self) -> None:
        """Say what the registrar goes through, once per change."""
        before = ""
        while not self._ending.is_set():
            now = situation(self._registrar.status())
            if now != before and now:
                self._say(now)
            before = now
            self._ending.wait(LOOK_EVERY_S)


def situation(status: RegistrarStatus) -> str:
    """Where the registration stands, as a line for people; nothing while there is nothing to say."""
    name = shown(status.instance_id or status.service)
    if status.state == "superseded":
        return f"{name} is out: a newer start of it is registered; the program goes on without us"
    if status.failure:
        return f"{name} is {status.state}, and will try again: {shown(status.failure)}"
    return f"{name} is registered" if status.state == "registered" else ""


def acknowledged_line(drained: Drained) -> str:
    """A drain's outcome as a line for people."""
    if drained.error:
        return f"not drained: {shown(drained.error)}"
    if drained.safe:
        return f"drained: every reader knows after {drained.waited_ms} ms"
    return f"drained: {drained.unacknowledged_count} readers have not said that they know"


def _in_background(work: Callable[[], object], name: str) -> None:
    threading.Thread(target=work, name=f"muster-{name}", daemon=True).start()
