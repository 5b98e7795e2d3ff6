"""Load metrics, one of the two axes of a balancer: how busy is an endpoint? The lower, the better; 0 is idle.

Each is made for a fixed row of peers and told one by its position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .memory import Peer


class Load(Protocol):
    def of(self, position: int, now: float) -> float: ...


class Outstanding:
    """Requests of this process under way, by weight: one with twice the weight bears twice as many."""

    __slots__ = ("_peers", "_shrink")

    def __init__(self, peers: Sequence[Peer], weights: Sequence[float]) -> None:
        self._peers = tuple(peers)
        self._shrink = _shrinking(weights)

    def of(self, position: int, now: float) -> float:
        return self._peers[position].outstanding * self._shrink[position]


class PeakEwma:
    """What a request would wait there: peak latency x (requests under way, by weight, and itself)."""

    __slots__ = ("_decay", "_peers", "_shrink")

    def __init__(self, peers: Sequence[Peer], weights: Sequence[float], decay: float) -> None:
        self._peers = tuple(peers)
        self._shrink = _shrinking(weights)
        self._decay = decay

    def of(self, position: int, now: float) -> float:
        peer = self._peers[position]
        queue = peer.outstanding * self._shrink[position]
        return peer.latency.expected(now, self._decay, peer.outstanding) * (queue + 1.0)


def _shrinking(weights: Sequence[float]) -> tuple[float, ...]:
    """What a request counts for at each position: less where the weight is more. Thousands of endpoints have few weights between them."""
    mean = sum(weights) / len(weights)
    factors = {weight: mean / weight for weight in set(weights)}
    return tuple(map(factors.__getitem__, weights))
