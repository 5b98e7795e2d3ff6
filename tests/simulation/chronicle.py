"""A run of a world in virtual time: what happened, the first thing that broke, which ends it, and how to see that again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from muster.testing.simulation.loop import Process, VirtualLoop

TRACE = 200
"""Lines of what happened that a failure shows."""


class Chronicle:
    def __init__(self, loop: VirtualLoop) -> None:
        self.trace: deque[str] = deque(maxlen=TRACE)
        self._loop = loop
        self._broken: BaseException | None = None
        self._over = asyncio.Event()
        loop.set_exception_handler(self._bug)

    def log(self, text: str) -> None:
        self.trace.append(f"{self._loop.time():10.3f}  {text}")

    def broken(self, failure: BaseException) -> None:
        """The first failure ends the run."""
        self.log(f"BROKEN {failure!r}")
        if self._broken is None:
            self._broken = failure
            self._over.set()

    def _bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.broken(context.get("exception") or RuntimeError(context["message"]))

    async def run(self, outside: Process, life: Coroutine[Any, Any, None]) -> None:
        """Until `life` is over. Raises what was broken."""
        living, failed = outside.spawn(life), outside.spawn(self._over.wait())
        await asyncio.wait((living, failed), return_when=asyncio.FIRST_COMPLETED)
        if living.done() and self._broken is None:
            living.result()
        if self._broken is not None:
            raise self._broken


class World(Protocol):
    @property
    def chronicle(self) -> Chronicle: ...
    async def run(self) -> None: ...


W = TypeVar("W", bound=World)


def simulated(make: Callable[[VirtualLoop], W], again: str) -> W:
    """The world that `make` makes, when its run is over. A failure carries what led to it, and `again`, the command that shows it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(_run(loop, make, again))


async def _run(loop: VirtualLoop, make: Callable[[VirtualLoop], W], again: str) -> W:
    world = make(loop)
    try:
        await world.run()
    except BaseException as failure:
        failure.add_note("\n".join(world.chronicle.trace))
        failure.add_note(again)
        raise
    finally:
        loop.set_exception_handler(lambda loop, context: None)
        await loop.bury()
    return world
