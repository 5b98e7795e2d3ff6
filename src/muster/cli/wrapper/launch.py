"""Putting the parts together, in the one order that works: signals are blocked before any thread or child exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from signal import Signals

from muster.cli.exits import Exit
from muster.cli.failures import Failure

from . import signals
from .child import Child, start
from .events import Events
from .sequence import Membership, Plan, conduct


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
    taken, before = signals.block()
    child = _start(command, environ, before)
    events = Events()
    signals.listen(taken, child, events)
    return conduct(plan, child, membership(events), events, say)


def _start(command: Sequence[str], environ: Mapping[str, str], mask: set[Signals]) -> Child:
    try:
        return start(command, environ, mask)
    except FileNotFoundError:
        raise Failure(f"{command[0]}: there is no such command", code=Exit.NOT_FOUND) from None
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}", code=Exit.CANNOT_EXECUTE) from None
