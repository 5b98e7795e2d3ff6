"""When to look again, and what to do when something fails.

A change begins a window; whatever comes within it goes into one output. A command that failed is owed: it is run again until it
succeeds, whether the file changes meanwhile or not, by us or by who comes after us (`debt.py`). Every trouble is said once, when
it begins.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from muster.client.discovery import Discovery
from muster.model import limits

from . import command, file
from .debt import Debt
from .template import Broken, Template
from .world import NotKnown, Service, service_of


class Plan(Struct, frozen=True):
    """`services` are those that the template's `services` lists; `command` may be empty; `gather` in seconds."""

    template: Path
    out: Path
    services: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    gather: float = 0.0


class Keeper:
    """Keeps one file. `say` is told what happens, in words."""

    def __init__(self, plan: Plan, discovery: Discovery, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._discovery = discovery
        self._template = Template(plan.template)
        self._say = say
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._trouble = ""
        self._debt = Debt(plan.out)
        self._leaving = os.eventfd(0)

    def stop(self) -> None:
        """From another thread. A command under way is given a moment more."""
        os.eventfd_write(self._leaving, 1)
        self._stopped.set()
        self._news.set()

    def look_again(self) -> None:
        """From another thread: at the template too."""
        self._template.reread()
        self._news.set()

    def keep(self) -> None:
        """Until it is stopped."""
        forget = self._discovery.on_change(lambda mirror: self._news.set())
        try:
            while not self._stopped.is_set():
                self._news.clear()
                self.attempt()
                if self._news.wait(limits.RENDER_AGAIN_S if self._trouble else None):
                    self._stopped.wait(self._plan.gather)
        finally:
            forget()
            os.close(self._leaving)

    def once(self, timeout: float) -> None:
        """Until the file is written and the command has succeeded. Raises `NotReady` (a service is not known after `timeout` s),
        `Broken`, `Failed`, OSError."""
        while True:
            try:
                return self._render()
            except NotKnown as unknown:
                self._discovery.wait_ready(timeout, unknown.service)

    def attempt(self) -> None:
        """Bring the file up to date if that can be done now; say why if not."""
        try:
            self._render()
        except NotKnown as unknown:
            self._note(f"waiting: {unknown}")
        except Broken as broken:
            self._note(f"{broken}; {self._plan.out} stays as it is")
        except OSError as error:
            self._note(f"{self._plan.out}: {error.strerror or error}")
        except command.Failed as failed:
            self._note(f"{' '.join(self._plan.command)}: {failed}; it is run again")
        else:
            self._trouble = ""

    def _render(self) -> None:
        text = self._template.render(self._look, self._plan.services)
        if not file.holds(self._plan.out, text):
            self._write(text)
        if self._debt.owed and self._plan.command:
            command.run(self._plan.command, leaving=self._leaving)
            self._debt.settle()

    def _write(self, text: str) -> None:
        if self._plan.command:
            self._debt.incur()
        file.replace(self._plan.out, text)
        self._say(f"{self._plan.out} written")

    def _look(self, name: str) -> Service:
        return service_of(self._discovery.mirror(name))

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(trouble)
        self._trouble = trouble
