"""Progress of long work, on stderr, and only where somebody is looking."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WORTH_SHOWING = 20
"""Fewer steps than this are over before one has read the bar."""


def each_shown(steps: Sequence[T], doing: str) -> Iterable[T]:
    """The steps, with a bar that moves as they are taken."""
    if len(steps) < WORTH_SHOWING or not sys.stderr.isatty():
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, doing, console=Console(stderr=True), transient=True)


@contextlib.contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Something turns while we wait for an answer."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(doing)):
        yield


@contextlib.contextmanager
def bytes_moving(total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar of bytes; what is yielded takes how many more there are."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda more: progress.advance(task, more)
