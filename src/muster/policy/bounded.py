"""Bounded loads: a key's owner that has more than its share of the requests under way passes the next ones on.

Nobody bears more than `factor` percent of the average, by weight: `BoundedLoadHashingLoadBalancer` in Envoy's thread_aware_lb_impl.cc,
after V. Mirrokni et al., "Consistent Hashing with Bounded Loads" (arXiv:1608.01350). Who takes what is passed on is found by random
jumps in the table, not beside the owner, where it would pour over one neighbour (arXiv:1908.08762). The jumps are the key's own, so
that all callers agree on them; Envoy shuffles its hosts by a Mersenne Twister of the key, in an order that only it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from muster.model import limits

from .memory import Memory, Peer
from .xxh64 import Hash

if TYPE_CHECKING:
    from .balancers import Table


class Bound:
    """Of one table. `factor`: percent, 100 and more."""

    __slots__ = ("_factor", "_hash", "_memory", "_peers", "_shares", "_table")

    def __init__(
        self,
        table: Table,
        peers: Sequence[Peer],
        weights: Sequence[float],
        *,
        factor: int,
        memory: Memory,
        hash64: Hash,
    ) -> None:
        total = sum(weights)
        self._table = table
        self._peers = tuple(peers)
        self._shares = tuple(weight / total for weight in weights)
        self._factor = factor
        self._memory = memory
        self._hash = hash64

    def __repr__(self) -> str:
        return f"<Bound at {self._factor}% of the average>"

    def within(self, owner: int, hashed: int) -> int:
        """The owner, if it has room; else the first that has; else the least overloaded."""
        least = self._overload(owner)
        if least <= 1.0:
            return owner
        for other in self._others(hashed):
            overload = self._overload(other)
            if overload <= 1.0:
                return other
            if overload < least:
                owner, least = other, overload
        return owner

    def _overload(self, position: int) -> float:
        """Requests under way by what it may have; above 1 is too much (`hostOverloadFactor`)."""
        slots = ((self._memory.active + 1) * self._factor + 99) // 100
        return self._peers[position].outstanding / max(ceil(slots * self._shares[position]), 1)

    def _others(self, hashed: int) -> Iterator[int]:
        """A few jumps, as the table's shares are; then everybody."""
        key = hashed.to_bytes(8, "little")
        yield from (self._table.at(self._hash(key, jump)) for jump in range(1, limits.DRAWS + 1))
        yield from range(len(self._peers))
