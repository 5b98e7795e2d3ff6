"""Putting the parts together, in the one order that works: signals are blocked before any thread or child exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from signal import Signals

from muster.cli.exits import Exit
from muster.cli.failures import Failure
from muster.client.port.answering import answers

from . import signals
from .child import Child, start
from .events import Events
from .sequence import Membership, Plan, conduct

TAKEN_TIMEOUT_S = 0.2
"""How long the start waits to learn that nobody has the port yet. On this machine that is said at once."""


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    plan: Plan,
    membership: Callable[[Events], Membership],
    say: Callable[[str], None],
) -> int:
    """Run `command` as an instance, to its end; its exit code. `say` takes lines for people.

    Raises `Failure` if the command cannot be started; then nothing was registered.
    """
    _look_for_others(plan, say)
    taken, before = signals.block()
    child = _start(command, environ, before)
    events = Events()
    signals.listen(taken, child, events)
    return conduct(plan, child, membership(events), events, say)


def _look_for_others(plan: Plan, say: Callable[[str], None]) -> None:
    """What answers before the program runs is not the program, unless several share the port on purpose."""
    if plan.wait_for_port and answers(plan.host, plan.port, TAKEN_TIMEOUT_S):
        say(
            f"{plan.host}:{plan.port} answers before the program has started: if another one listens there, callers will "
            "reach that one"
        )


def _start(command: Sequence[str], environ: Mapping[str, str], mask: set[Signals]) -> Child:
    try:
        return start(command, environ, mask)
    except FileNotFoundError:
        raise Failure(f"{command[0]}: there is no such command", code=Exit.NOT_FOUND) from None
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}", code=Exit.CANNOT_EXECUTE) from None
