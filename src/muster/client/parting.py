"""Leaving the registry without ever waiting for it longer than a moment.

A process that was asked to stop has a limit, and the registry may be away, or hang, just then. So what is asked of the
registrar here runs in threads of its own: how long they are waited for is our decision, not the network's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from .errors import RegistryError
from .registrar import Drained, Registrar

T = TypeVar("T")

AWAY_S = 0.5
"""Without a session the registry is most likely away: long enough to tell one that is not, too short to matter."""
SLACK_S = 1.0
"""Beyond the wait that the registry was asked for: the way there and back."""
LEAVE_S = 2.0
"""A deregistration that takes longer is left to the lost session: an exit must not wait for it."""


def drain(registrar: Registrar, wait: float) -> Drained:
    """No new requests, please: when all readers know, or `wait` seconds later; sooner if the registry is away."""
    bound = wait + SLACK_S if registrar.status().session else AWAY_S
    late = Drained(safe=False, error="the registry did not answer the drain")
    return _within(bound, lambda: registrar.drain(wait), late)


def leave(registrar: Registrar) -> str:
    """Deregister. Empty if the registry knows, or was not waited for any longer; otherwise why it does not."""

    def deregister() -> str:
        try:
            registrar.deregister()
        except RegistryError as error:
            return str(error)
        return ""

    return _within(LEAVE_S, deregister, "")


def _within(seconds: float, work: Callable[[], T], otherwise: T) -> T:
    """What `work` returns, if it does so in time. It goes on alone if it does not."""
    done: SimpleQueue[T] = SimpleQueue()
    try:
        threading.Thread(target=lambda: done.put(work()), name="muster-parting", daemon=True).start()
    except RuntimeError:
        return work()  # the interpreter ends, and starts no thread any more: its time-outs must do
    try:
        return done.get(timeout=seconds)
    except Empty:
        return otherwise
