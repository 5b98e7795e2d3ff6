"""The registry's one timer: it sleeps until the machine's next deadline, and hands on whatever the machine then wants done.

    time, a store's change, a heartbeat, a probe's answer -> machine -> commands to the writer, probes to the prober,
                                                                         questions to the other replicas

There is no timer for each lease or check. Whoever brings the machine something else hands on what follows from it in the same way.
"""

from __future__ import annotations

import asyncio

from muster.core.machine import Machine
from muster.core.outbox import Probe
from muster.registry.clock import Clock
from muster.registry.prober import Finding, Prober
from muster.registry.probing import target_of, urgent
from muster.registry.replicas.replicas import Replicas
from muster.registry.waiting import within
from muster.registry.writer import Writer

TICK_S = 0.25
"""The clock is looked at this often at least: a longer gap is a pause."""


class Timer:
    """`replicas` is None for a registry that is alone, which has no questions."""

    def __init__(
        self,
        machine: Machine,
        clock: Clock,
        prober: Prober,
        writer: Writer,
        replicas: Replicas | None,
    ) -> None:
        self._machine = machine
        self._clock = clock
        self._prober = prober
        self._writer = writer
        self._replicas = replicas
        self._sooner = asyncio.Event()
        self._next_tick = 0.0

    async def run(self) -> None:
        """Tick when something is due, and often enough to notice a pause, for ever."""
        while True:
            self._tick()
            self._sooner.clear()
            now = self._clock.now()
            wait = min(max(self._machine.next_deadline(now) - now, 0.0), TICK_S)
            self._next_tick = now + wait
            await within(wait, self._sooner)

    def _tick(self) -> None:
        now, wall = self._clock.now(), self._clock.wall()
        if gap := self._clock.pause():
            self._machine.paused(gap, now, wall)
        self._machine.tick(now, wall)
        self.hand_on()

    def hand_on(self) -> None:
        """Give the machine's work to the writer, the prober and the other replicas."""
        if not self._machine.has_work:
            return
        turn = self._machine.take()
        for command in turn.commands:
            self._writer.own(command)
        for probe in turn.probes:
            self._probe(probe)
        if self._replicas and turn.questions:
            self._replicas.ask(turn.questions)

    def _probe(self, probe: Probe) -> None:
        def done(finding: Finding) -> None:
            self._machine.found(probe, finding.answer, finding.detail, self._clock.now(), self._clock.wall())
            self.look_soon()

        self._prober.start(target_of(probe), done, urgent=urgent(probe))

    def look_soon(self) -> None:
        """Something happened that may have work due: look at once, not at the next tick."""
        self.hand_on()
        if not self._sooner.is_set() and self._machine.next_deadline(self._clock.now()) < self._next_tick:
            self._sooner.set()
