"""Hot handlers among replicas: a refusal has to wait until the store has confirmed it, so it is left to the slow handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from muster.model.errors import Rejected
from muster.registry.registry import Registry
from muster.registry.replicas.certainty import OF_THE_RECORD

A = TypeVar("A")
T = TypeVar("T")


def unless_refused(registry: Registry, handler: Callable[[A], T], request: A) -> T | None:
    """What the handler says; None where it refuses, and another replica may know better. Raises `Rejected`, `Unavailable`."""
    try:
        return handler(request)
    except Rejected as refusal:
        if registry.replicas is None or refusal.code not in OF_THE_RECORD:
            raise
        return None
