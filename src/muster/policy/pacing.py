"""Long work in slices: a service may have thousands of endpoints, and other threads of the process are to go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from muster.model import limits

T = TypeVar("T")
Pause = Callable[[], object]
"""Called every now and then: whoever waits for the interpreter may go on. `bool` does nothing."""


def paced(items: Iterable[T], pause: Pause) -> Iterator[T]:
    """The items, with a pause before each slice of them."""
    for number, item in enumerate(items):
        if number % limits.BUILD_SLICE == 0:
            pause()
        yield item
