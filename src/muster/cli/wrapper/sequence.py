"""The life of a wrapped program, first to last, as one thread that waits for one event at a time.

    start -> its port answers -> registered, heartbeats -> serving
    asked to stop  -> drain (readers acknowledge) -> serve until idle, or the limit -> hand the signal on -> it ends
    it ends, by itself or not -> deregistered at once -> we end with its exit code

Promises: the signal is handed on within the limit whatever the registry does; a second one is handed on at once; a program
that dies is reported at once; we never kill it, that is for whoever asked (they have SIGKILL).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from msgspec import Struct

from muster.client.port.answering import STILL_WAITING_S
from muster.client.port.connections import to_ports
from muster.client.port.idle import LOOK_EVERY_S, Idleness

from .answering import Waiting
from .child import Child, exit_code
from .events import DrainEnded, Event, Events, Exited, PassOn, Pause, PortAnswers, StopAsked

AGAIN_S = 0.25
"""A supervisor may signal us and then our group, which is asking once; a person who asks again takes longer."""


class Plan(Struct, frozen=True):
    """`wait_for_port`: register only when `host:port` answers. `ports`: all that the program serves.

    `limit` is in seconds, from the request to stop until the signal is handed on.
    """

    host: str
    port: int
    ports: frozenset[int]
    wait_for_port: bool
    limit: float


class Membership(Protocol):
    """The program's place in the registry. No call waits for the registry longer than it says."""

    def join(self) -> None:
        """Begin to register; goes on by itself until it succeeds."""
        ...

    def begin_drain(self) -> None:
        """Begin to drain; `DrainEnded` follows, at once if the registry is away."""
        ...

    def leave(self) -> None:
        """Deregister, or give up after a moment."""
        ...


class _Over(Exception):
    """The program has ended."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def conduct(
    plan: Plan, child: Child, membership: Membership, events: Events, say: Callable[[str], None]
) -> int:
    """From a started program to the exit code of `muster run`."""
    life = _Life(plan, child, membership, events, say)
    try:
        asked = life.begin() or life.serve()
        child.signal(asked.signum, group=asked.group)
        life.finish()
    except _Over as over:
        membership.leave()
        if over.code and not life.asked:
            say(f"the program ended {how(over.code)}; nobody had asked it to")
        return exit_code(over.code)


def how(code: int) -> str:
    """`code` as the kernel told it: below 0, the signal that ended the program."""
    if code >= 0:
        return f"with exit code {code}"
    names = {each.value: each.name for each in signal.Signals}
    return f"by {names.get(-code, f'signal {-code}')}"


class _Life:
    """Each method is one part of the life; `_Over` is raised out of any of them when the program ends."""

    def __init__(
        self, plan: Plan, child: Child, membership: Membership, events: Events, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._child = child
        self._membership = membership
        self._events = events
        self._say = say
        self._patient_until = 0.0
        self.asked = False
        """Whether anybody wanted the program to end."""

    def begin(self) -> StopAsked | None:
        """Until the program can be registered. A request to stop before that has nothing to drain."""
        if self._plan.wait_for_port:
            waiting = Waiting(self._plan.host, self._plan.port, self._events)
            try:
                if asked := self._until_answering():
                    return asked
            finally:
                waiting.stop()
        self._membership.join()
        return None

    def _until_answering(self) -> StopAsked | None:
        where = f"{self._plan.host}:{self._plan.port}"
        patience: float | None = time.monotonic() + STILL_WAITING_S
        while True:
            match self._next(patience):
                case PortAnswers():
                    return None
                case StopAsked() as asked:
                    return asked
                case None:
                    self._say(
                        f"{where} does not answer yet; if it cannot be reached from here, say --no-wait"
                    )
                    patience = None

    def serve(self) -> StopAsked:
        """Until somebody asks to stop, then until nobody needs the program; what to send it."""
        while not isinstance(asked := self._next(), StopAsked):
            pass
        self._patient_until = time.monotonic() + AGAIN_S
        limit = time.monotonic() + self._plan.limit
        return self._drain(limit) or self._wait_until_idle(limit) or asked

    def _drain(self, limit: float) -> StopAsked | None:
        """Until the readers know, or a second request."""
        self._membership.begin_drain()
        while True:
            match self._next(limit):
                case DrainEnded(line):
                    self._say(line)
                    return None
                case StopAsked() as again if self._insists():
                    return again
                case None:
                    return None

    def _wait_until_idle(self, limit: float) -> StopAsked | None:
        """Until the last answer has gone out, or a second request."""
        idleness = Idleness(time.monotonic())
        while (now := time.monotonic()) < limit:
            idle_at = idleness.look(to_ports(self._plan.ports), now)
            if now >= idle_at:
                return None
            again = self._next(min(idle_at, now + LOOK_EVERY_S, limit))
            if isinstance(again, StopAsked) and self._insists():
                return again
        self._say(f"still busy after {self._plan.limit:g} s: stopping it all the same")
        return None

    def _insists(self) -> bool:
        return time.monotonic() > self._patient_until

    def finish(self) -> NoReturn:
        """Until the program ends; whatever else is asked of it is handed on."""
        while True:
            asked = self._next()
            if isinstance(asked, StopAsked):
                self._child.signal(asked.signum, group=asked.group)

    def _next(self, deadline: float | None = None) -> Event | None:
        """The next event that the present part may care about; None at the deadline."""
        while True:
            event = self._events.next(deadline)
            match event:
                case Exited(code):
                    raise _Over(code)
                case PassOn(signum, group):
                    self._child.signal(signum, group=group)
                case Pause():
                    self._pause()
                case StopAsked():
                    self.asked = True
                    return event
                case _:
                    return event

    def _pause(self) -> None:
        """^Z stops us both; `fg` lets us both go on."""
        self._child.signal(signal.SIGSTOP, group=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._child.signal(signal.SIGCONT, group=True)
