"""Who runs where: the measured server on one core, the load on another, so that neither is measured by the other's share."""

from __future__ import annotations

import os
import resource

_available = sorted(os.sched_getaffinity(0))
SERVER = _available[0]
LOAD = _available[-1]


def on_server(*command: str) -> list[str]:
    """The command, pinned to the server's core."""
    return ["taskset", "-c", str(SERVER), *command]


def on_both(*command: str) -> list[str]:
    """The command, wherever there is room: for what is several machines' work, and would only wait for itself on one core."""
    return ["taskset", "-c", f"{SERVER},{LOAD}", *command]


def on_load(*command: str) -> list[str]:
    return ["taskset", "-c", str(LOAD), *command]


def here_is_load() -> None:
    """Pin this process to the load's core."""
    os.sched_setaffinity(0, {LOAD})


def raise_descriptors() -> int:
    """As many descriptors as we may have; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
