"""Files an operator may change under a running registry: looked at now and then, read again when they changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from muster.model import limits

log = structlog.get_logger("muster")


class Watched(Protocol):
    def refresh(self) -> str | None:
        """None: nothing changed. "": the new content is in force. Else why it is not; the old one stays."""
        ...


async def watch(files: Sequence[Watched]) -> None:
    """Read again what changed, for ever; say so either way, a problem once."""
    reported: dict[int, str | None] = {}
    while True:
        await asyncio.sleep(limits.FILES_CHECKED_S)
        for number, file in enumerate(files):
            reported[number] = _refresh(file, reported.get(number))


def _refresh(file: Watched, reported: str | None) -> str | None:
    problem = file.refresh()
    name = type(file).__name__.lower()
    if problem == "":
        log.info("read again", file=name)
    elif problem is not None and problem != reported:
        log.error("a changed file cannot be used; the old one stays in force", file=name, problem=problem)
    return problem
