"""Whether a request may begin at all: Envoy's "circuit breakers", which are limits (`CircuitBreakers.Thresholds`)."""

from __future__ import annotations

from typing import Literal

from muster.model.resilience import Limits

from .memory import Memory


def admit(
    limits: Limits, memory: Memory, *, pending: int = 0
) -> Literal["", "max_requests", "max_pending_requests"]:
    """The limit that stands against one more request, or an empty text. `pending`: requests that wait for a connection."""
    if memory.active >= limits.max_requests:
        return "max_requests"
    return "max_pending_requests" if pending and pending >= limits.max_pending_requests else ""
