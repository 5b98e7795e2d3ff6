"""What becomes of commands: from the writer to the machine, with the time."""

from __future__ import annotations

from collections.abc import Callable

from muster.core.commands import Command
from muster.core.machine import Machine


class Outcomes:
    """What the writer tells the machine, with the time."""

    def __init__(self, machine: Machine, now: Callable[[], float]) -> None:
        self._machine = machine
        self._now = now

    def begin(self, command: Command) -> bool:
        return self._machine.begin(command)

    def decided(self, command: Command, *, asked: bool) -> None:
        self._machine.decided(command, self._now(), asked=asked)

    def not_committed(self, command: Command) -> None:
        self._machine.not_committed(command, self._now())
