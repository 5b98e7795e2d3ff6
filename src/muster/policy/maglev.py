"""Envoy's Maglev table: every member fills places in its own order until the table is full; a key belongs to one place.

Reproduces `MaglevTable` of source/extensions/load_balancing_policies/maglev/maglev_lb.cc (the table of D. Eisenbud et al.,
"Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, listing 1, with weights).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from heapq import heapreplace

from .xxh64 import Hash

_NOBODY = -1
_ALL_BITS = (1 << 64) - 1


class Maglev:
    """`members[at(hashed)]` owns a hash. `size` is a prime, not smaller than the number of members."""

    __slots__ = ("_table",)

    def __init__(
        self, addresses: Sequence[str], weights: Sequence[float], *, size: int, hash64: Hash
    ) -> None:
        self._table = _fill(addresses, weights, size, hash64)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"<Maglev table of {len(self)}>"

    def __iter__(self) -> Iterator[int]:
        return iter(self._table)

    def at(self, hashed: int, attempt: int = 0) -> int:
        """The owner of `hashed`. A later attempt looks at another place: Envoy flips high bits of the hash for it."""
        if attempt:
            hashed ^= _ALL_BITS - attempt + 1
        return self._table[hashed % len(self._table)]

    def shares(self, count: int) -> list[float]:
        """Each member's part of the table."""
        owned = [0] * count
        for owner in self._table:
            owned[owner] += 1
        return [places / len(self._table) for places in owned]


def _fill(addresses: Sequence[str], weights: Sequence[float], size: int, hash64: Hash) -> array[int]:
    """Members take turns in the order of their names, whatever order they are given in; one with half the largest weight
    takes every second turn. A heap says whose turn is next, so that light members cost nothing while they wait."""
    order = sorted(range(len(addresses)), key=addresses.__getitem__)
    names = [addresses[member].encode() for member in order]
    places = [hash64(name, 0) % size for name in names]
    steps = [hash64(name, 1) % (size - 1) + 1 for name in names]
    total = sum(weights)
    shares = [weights[member] / total for member in order]
    largest = max(shares)
    targets = [0.0] * len(order)
    turns = [(1, n) for n in range(len(order))]
    table = array("i", [_NOBODY]) * size
    for _ in range(size):
        turn, n = turns[0]
        place, step = places[n], steps[n]
        while table[place] != _NOBODY:
            place = (place + step) % size
        table[place] = order[n]
        places[n] = (place + step) % size
        targets[n] += largest
        heapreplace(turns, (_next_turn(turn, shares[n], targets[n]), n))
    return table


def _next_turn(turn: int, share: float, target: float) -> int:
    """The first turn after `turn` that is not before the target, by Envoy's test: turn x share >= target."""
    turn = max(turn + 1, int(target / share) - 1)
    while turn * share < target:
        turn += 1
    return turn
