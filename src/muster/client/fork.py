"""What a fork leaves of a background thread: nothing. In the child, whoever had one is told so.

Threads do not survive a fork, locks survive in whatever state they were in, and descriptors are shared with the parent.
"""

from __future__ import annotations

import os
import weakref
from functools import cache
from typing import Protocol


class Forkable(Protocol):
    def forked(self) -> None:
        """In the child, before anything else runs: renew locks, drop descriptors, forget the thread. Must not block."""


@cache
def _known() -> weakref.WeakSet[Forkable]:
    """Registered with the interpreter when first needed, so that an import registers nothing."""
    known: weakref.WeakSet[Forkable] = weakref.WeakSet()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _tell(known))
    return known


def _tell(known: weakref.WeakSet[Forkable]) -> None:
    for one in list(known):
        one.forked()


def notice(one: Forkable) -> None:
    """Call `one.forked()` in every child forked from now on, while `one` lives. Call this before its threads begin.

    What they would import first is imported here: a child forked in the middle of an import never gets past it.
    """
    import encodings.idna  # noqa: F401 - whoever looks up a host needs it

    _known().add(one)
