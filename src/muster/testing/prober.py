"""A prober that asks nobody: it answers from a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from muster.model.check import Answer
from muster.registry.prober import Finding, Running, Target


class Asked(NamedTuple):
    target: Target
    urgent: bool


class ScriptedProber:
    """Implements `muster.registry.prober.Prober`.

    `says("10.0.0.1", 80, Answer.REFUSED)` sets what that port answers from now on; the others say `otherwise`. A port
    that is told to say nothing (None) leaves its probes open until it is told something else.
    """

    def __init__(self, otherwise: Answer = Answer.ANSWERED) -> None:
        self.asked: list[Asked] = []
        self._otherwise = otherwise
        self._script: dict[tuple[str, int], Answer | None] = {}
        self._open: list[_Open] = []

    def says(self, host: str, port: int, answer: Answer | None) -> None:
        self._script[host, port] = answer
        waiting, self._open = self._open, []
        for probe in waiting:
            self._answer(probe)

    def start(self, target: Target, done: Callable[[Finding], None], *, urgent: bool = False) -> Running:
        self.asked.append(Asked(target, urgent))
        probe = _Open(target, done)
        asyncio.get_running_loop().call_soon(self._answer, probe)
        return probe

    async def probe(self, target: Target, *, urgent: bool = False) -> Finding:
        found: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()
        running = self.start(target, found.set_result, urgent=urgent)
        try:
            return await found
        finally:
            running.cancel()

    def _answer(self, probe: _Open) -> None:
        target = probe.target
        answer = self._script.get((target.host, target.port), self._otherwise)
        if answer is None:
            self._open.append(probe)
        else:
            probe.end(Finding(answer, "as the script says", 0.0))


class _Open:
    """A probe without an answer."""

    def __init__(self, target: Target, done: Callable[[Finding], None]) -> None:
        self.target = target
        self._done: Callable[[Finding], None] | None = done

    def cancel(self) -> None:
        self._done = None

    def end(self, finding: Finding) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(finding)
