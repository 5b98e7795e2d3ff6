"""The `muster` command. Everything is imported when it is needed, so that `muster --help` answers at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

NEEDS_EXTRA = "muster: the command line needs a little more than the library: pip install 'musterd[cli]'"


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's own); the exit code, as `muster help exit-codes` lists them."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        print(NEEDS_EXTRA, file=sys.stderr)
        return 1
    from .entry import invoke

    return invoke(args)


def _end(signum: int, frame: object) -> None:
    """What the kernel does to every process but a container's first: to that one it gives no signal without a handler, so a stop
    that comes before a verb has its own would be lost."""
    os._exit(128 + signum)
