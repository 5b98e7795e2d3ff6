"""The `muster` command. Everything is imported when it is needed, so that `muster --help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NEEDS_EXTRA = "muster: the command line needs a little more than the library: pip install 'musterd[cli]'"


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's own); the exit code, as `muster help exit-codes` lists them."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        print(NEEDS_EXTRA, file=sys.stderr)
        return 1
    from .entry import invoke

    return invoke(args)
