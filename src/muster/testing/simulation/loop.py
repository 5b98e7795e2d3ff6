"""An event loop in virtual time, and processes on it that can be killed or made to stand still.

The loop never waits: when nothing is left to run it jumps to the next timer. So an hour takes as long as what happens in it,
and the same beginning leads to the same end, every time.

A process is a mark on the context that its callbacks run in; tasks and timers inherit it. Callbacks of a killed process are
never run, not even to clean up, as after SIGKILL; those of one that stands still wait until it goes on, as after SIGSTOP.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Literal, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

TURN_S = 1e-6
"""What a turn of the loop costs: without it, whoever looks again at once would look for ever in the same instant."""
_OWNER: ContextVar[Process | None] = ContextVar("owner", default=None)


class NothingLeft(Exception):
    """Every task waits for something that nothing will ever do: a deadlock."""


class Process:
    """Something that runs on the loop and can be stopped by force."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self._loop = loop
        self._parked: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self.name = name
        self.state: Literal["running", "standing", "killed"] = "running"
        self._context = copy_context()
        self._context.run(_OWNER.set, self)

    def __repr__(self) -> str:
        return f"<Process {self.name} {self.state}>"

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work, context=self._context.copy())
        self._tasks.append(task)
        return task

    def later(self, delay: float, call: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        """Run `call` in this process, as something that reaches it from outside."""
        return self._loop.call_later(delay, call, *args, context=self._context)

    def stand(self) -> None:
        if self.state == "running":
            self.state = "standing"

    def go_on(self) -> None:
        if self.state == "standing":
            self._resume()

    def kill(self) -> None:
        self.state = "killed"

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of this process may run now."""
        if self.state != "running":
            self._parked.append(handle)
        return self.state == "running"

    def bury(self) -> None:
        """Let what is left of it clean up, when nobody looks any more."""
        for task in self._tasks:
            task.cancel()
        self._resume()

    def _resume(self) -> None:
        self.state = "running"
        parked, self._parked = self._parked, []
        self._loop.again(parked)


def _admitted(handle: asyncio.Handle) -> bool:
    context: Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001 - the stubs leave it out
    owner = context.get(_OWNER)
    return owner is None or owner.admits(handle)


class _Call(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        if _admitted(self):
            super()._run()


class _Timer(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        if _admitted(self):
            super()._run()


class _Jump:
    """What a selector is to other loops: the place where time passes."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise NothingLeft
        self._loop.jump(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`asyncio.Runner(loop_factory=VirtualLoop)`. Begins at an hour, so that a time in the past is a time."""

    _ready: Any
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 3_600.0
        self._selector = _Jump(self)
        self.processes: list[Process] = []

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += max(seconds, TURN_S)

    def process(self, name: str) -> Process:
        process = Process(self, name)
        self.processes.append(process)
        return process

    def again(self, handles: list[asyncio.Handle]) -> None:
        """Callbacks whose turn has come before, in their order."""
        self._ready.extend(handles)

    async def bury(self) -> None:
        """End every process and wait for it: a run leaves nothing behind."""
        for process in self.processes:
            process.bury()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def call_at(  # type: ignore[override]  # the stubs tie args to callback; nothing here looks at either
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001 - as BaseEventLoop.call_at does
        return timer

    def _call_soon(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.Handle:
        handle = _Call(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _process_events(self, events: list[object]) -> None:
        """There are none: nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody wakes us from another thread."""


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """A test that takes no time: an `async def` run on a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(test(*args, **kwargs))

    return run
