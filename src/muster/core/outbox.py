"""What the machine wants done: commands to commit, probes to run, questions to other replicas. It does none; the shell takes them
and does all."""

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


class Probe(Struct, frozen=True, gc=False):
    """A probe to run. `check` is what to ask; None means a bare connection to the instance's first endpoint."""

    purpose: Purpose
    instance: Instance
    generation: int
    key: str
    about: About
    check: Check | None = None


class Question(Struct, frozen=True, gc=False):
    """Something to ask the other replicas: when did they last hear of this instance, or of its `check`? `seen` is the record's
    revision, which they must have reached to be able to say. `binding`: an expiry follows if nobody did."""

    key: str
    generation: int
    seen: int
    check: str = ""
    binding: bool = False


class Turn(Struct, frozen=True):
    """What is to be done now."""

    commands: list[Command]
    probes: list[Probe]
    questions: list[Question]


class Outbox:
    """Collects until the shell takes."""

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._probes: list[Probe] = []
        self._questions: list[Question] = []

    def __bool__(self) -> bool:
        return bool(self._commands or self._probes or self._questions)

    def command(self, command: Command) -> None:
        self._commands.append(command)

    def probe(self, purpose: Purpose, entry: Entry, about: About = None, check: Check | None = None) -> None:
        record = entry.record
        self._probes.append(Probe(purpose, record.instance, record.generation, entry.key, about, check))

    def question(self, question: Question) -> None:
        self._questions.append(question)

    def take(self) -> Turn:
        """What has become necessary since the last call."""
        turn = Turn(self._commands, self._probes, self._questions)
        self._commands, self._probes, self._questions = [], [], []
        return turn
