"""Probes through the simulated network: what a connection to an instance meets there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from muster.model.check import Answer
from muster.registry.prober import Finding, HttpTarget, Running, Target

if TYPE_CHECKING:
    from tests.simulation.world import World


class NetworkProber:
    """Implements `muster.registry.prober.Prober` for whoever sits on `host`."""

    def __init__(self, world: World, host: str) -> None:
        self._world = world
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, target: Target, done: Callable[[Finding], None], *, urgent: bool = False) -> Running:
        task = self._world.loop.create_task(self._report(target, done, urgent=urgent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _Running(task)

    async def _report(self, target: Target, done: Callable[[Finding], None], *, urgent: bool) -> None:
        done(await self.probe(target, urgent=urgent))

    async def probe(self, target: Target, *, urgent: bool = False) -> Finding:
        if not urgent and self._world.rng.random() < 0.002:
            return Finding(Answer.UNASKED, "too many probes", 0.0)
        try:
            async with asyncio.timeout(target.timeout):
                return Finding(await self._ask(target), "as the network says", 0.0)
        except TimeoutError:
            return Finding(Answer.SILENT, "no answer in time", target.timeout)
        except ConnectionRefusedError:
            return Finding(Answer.REFUSED, "connection refused", 0.0)

    async def _ask(self, target: Target) -> Answer:
        """A connection is accepted by the kernel; a request is answered by the process, if it runs."""
        process = await self._world.network.reach(self._host, target.host)
        if not isinstance(target, HttpTarget):
            return Answer.ANSWERED
        answer: asyncio.Future[Answer] = self._world.loop.create_future()
        well = self._world.instances[target.host].well
        process.later(
            0.0, lambda: answer.done() or answer.set_result(Answer.ANSWERED if well else Answer.FAILED)
        )
        return await answer


class _Running:
    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def cancel(self) -> None:
        self._task.cancel()
