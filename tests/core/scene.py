"""A machine on a stage: its commands are committed at once, its probes are answered by the script, its time is a number."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from muster.core.commands import Command, key_of
from muster.core.decide import GONE, NOTHING, decide
from muster.core.guard import Rules
from muster.core.machine import Machine
from muster.core.outbox import Probe
from muster.core.renewal import Renewal
from muster.model import limits
from muster.model.check import Answer
from muster.model.instance import Instance
from muster.model.record import Record
from muster.testing.builders import NOON, instance, register

BEGIN = 1_000.0


class Scene:
    """`answers[id]` is what probes of an instance meet from now on; the others answer as they should.

    `store` False: nothing can be committed. `asked` are the probes that were run, as (time, purpose, id).
    """

    def __init__(self, rules: Rules = Rules(), retention: float = limits.EXPIRED_RETENTION_S) -> None:
        self.now = BEGIN
        self.machine = Machine(Random(0), rules, retention=retention)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[float, str, str]] = []
        self.store = True
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.machine.load([], 0, "e1", self.now, self.wall)

    @property
    def wall(self) -> int:
        return NOON + int((self.now - BEGIN) * 1000)

    # --- What a test does -------------------------------------------------------------------------------------------

    def do(self, command: Command) -> Record | None:
        """As a caller asks: decide, commit, apply. Raises `Rejected`."""
        self._commit(command, asked=True)
        self._settle()
        entry = self.machine.state.get(key_of(command))
        return entry.record if entry else None

    def add(self, *ids: str, zone: str = "a", ttl: float = 30.0, **more: object) -> None:
        for id in ids:
            self.do(register(instance(id, zone=zone, ttl=ttl, host=id, **more)))

    def renew(self, *ids: str) -> list[Renewal]:
        told = [self.machine.renew(f"default/{id}", 0, b"", self.now, self.wall) for id in ids]
        self._settle()
        return told

    def run(self, seconds: float, *renewing: str, every: float = 5.0) -> None:
        """Let time pass; meanwhile these renew their leases."""
        ends = self.now + seconds
        beat = self.now + every
        while self.now < ends:
            due = self.machine.next_deadline(self.now)
            first = self._events[0][0] if self._events else ends
            self.now = min(max(min(due, first), self.now + 0.001), beat, ends)
            if self.now >= beat:
                beat += every
                self.renew(*renewing)
            self._happen()
            self.machine.tick(self.now, self.wall)
            self._settle()

    def restart(self) -> None:
        """Another process on the same store."""
        state = self.machine.state
        records = [(entry.record, entry.revision) for entry in state.entries()]
        self._events.clear()
        self.machine = Machine(Random(0))
        self.machine.load(records, state.revision, state.epoch, self.now, self.wall)

    def lose(self, *ids: str) -> None:
        """Their sessions break."""
        for id in ids:
            key, generation = f"default/{id}", self.record(id).generation
            self.machine.session_opened(key, generation, self.now)
            self.machine.session_closed(key, generation, self.now, lost=True)
        self._settle()

    # --- What it looks at -------------------------------------------------------------------------------------------

    def record(self, id: str) -> Record:
        entry = self.machine.state.get(f"default/{id}")
        assert entry is not None, id
        return entry.record

    def statuses(self, *ids: str) -> list[str]:
        return [self.record(id).status for id in ids]

    def probes(self, purpose: str, id: str) -> list[float]:
        """When these were run, in seconds since the beginning."""
        return [round(at - BEGIN, 2) for at, why, whom in self.asked if (why, whom) == (purpose, id)]

    # --- The shell's part -------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        while self.machine.has_work:
            turn = self.machine.take()
            for command in turn.commands:
                if self.machine.begin(command):
                    self._commit(command, asked=False)
            for probe in turn.probes:
                self._run(probe)

    def _commit(self, command: Command, *, asked: bool) -> None:
        state = self.machine.state
        write = decide(state, command)
        if write is not NOTHING and not self.store:
            self.machine.not_committed(command, self.now)
            return
        if write is not NOTHING:
            change = (key_of(command), None if write is GONE else write)
            assert not isinstance(change[1], type(NOTHING))
            self.machine.apply(state.revision + 1, [change], self.now, self.wall)
        self.machine.decided(command, self.now, asked=asked)

    def _run(self, probe: Probe) -> None:
        id = probe.instance.id
        self.asked.append((self.now, probe.purpose, id))
        answer = self.answers.get(id, Answer.ANSWERED)
        takes = 0.001
        if answer is Answer.SILENT:
            takes = probe.check.timeout if probe.check else limits.SUSPICION_PROBE_TIMEOUT_S
        event = (self.now + takes, next(self._order), lambda: self._found(probe, answer))
        heapq.heappush(self._events, event)

    def _found(self, probe: Probe, answer: Answer) -> None:
        self.machine.found(probe, answer, answer.value, self.now, self.wall)
        self._settle()

    def _happen(self) -> None:
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()


def plain(id: str = "web-1") -> Instance:
    return instance(id, host=id)
