"""What the machine wants done: commands to commit, probes to run. It does neither; the shell takes them and does both."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from muster.model.check import Check
from muster.model.instance import Instance

from .checks import Tracker
from .commands import Command
from .state import Entry
from .suspicion import Recovery, Suspicion

Purpose = Literal["check", "confirm", "recover", "reach", "witness"]
"""Why a probe runs: for a check, to confirm a suspicion, to take a verdict back, to learn whether an instance can be reached
at all, or to see whether anybody of a zone still answers."""

About = Tracker | Suspicion | Recovery | None


class Ask(Struct, frozen=True, gc=False):
    """A probe to run. `check` is what to ask; None means a bare connection to the instance's first endpoint."""

    purpose: Purpose
    instance: Instance
    generation: int
    key: str
    about: About
    check: Check | None = None


class Turn(Struct, frozen=True):
    """What is to be done now."""

    commands: list[Command]
    asks: list[Ask]


class Outbox:
    """Collects until the shell takes."""

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._asks: list[Ask] = []

    def __bool__(self) -> bool:
        return bool(self._commands or self._asks)

    def command(self, command: Command) -> None:
        self._commands.append(command)

    def ask(self, purpose: Purpose, entry: Entry, about: About = None, check: Check | None = None) -> None:
        record = entry.record
        self._asks.append(Ask(purpose, record.instance, record.generation, entry.key, about, check))

    def take(self) -> Turn:
        """What has become necessary since the last call."""
        turn = Turn(self._commands, self._asks)
        self._commands, self._asks = [], []
        return turn
