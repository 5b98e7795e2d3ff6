"""Envoy's hash ring (ketama): entries keyed `ADDRESS_i`, a key belongs to the first entry at or after its hash.

Reproduces `RingHashLoadBalancer::Ring` of source/extensions/load_balancing_policies/ring_hash/ring_hash_lb.cc, so that a
caller of the library and one behind Envoy agree where a key lives.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import ceil

from .xxh64 import Hash


class Ring:
    """`members[at(hashed)]` owns a hash. The members are known by their position alone."""

    __slots__ = ("_hashes", "_owners")

    def __init__(
        self,
        addresses: Sequence[str],
        weights: Sequence[float],
        *,
        minimum: int,
        maximum: int,
        hash64: Hash,
    ) -> None:
        entries = sorted(_entries(addresses, weights, minimum, maximum, hash64), key=lambda entry: entry[0])
        self._hashes = [entry[0] for entry in entries]
        self._owners = [entry[1] for entry in entries]

    def __len__(self) -> int:
        return len(self._hashes)

    def __repr__(self) -> str:
        return f"<Ring of {len(self)} entries>"

    def at(self, hashed: int, attempt: int = 0) -> int:
        """The owner of `hashed`; of later attempts, those of the entries that follow (Envoy's retry host predicate)."""
        place = bisect_left(self._hashes, hashed) + attempt
        return self._owners[place % len(self._owners)]

    def shares(self, count: int) -> list[float]:
        """Each member's part of all hashes."""
        owned = [0] * count
        before = self._hashes[-1] - (1 << 64)
        for end, owner in zip(self._hashes, self._owners, strict=True):
            owned[owner] += end - before
            before = end
        return [arc / (1 << 64) for arc in owned]


def _entries(
    addresses: Sequence[str], weights: Sequence[float], minimum: int, maximum: int, hash64: Hash
) -> Iterator[tuple[int, int]]:
    """(hash, member). As many for each as its weight says, so that the lightest has a whole number of them: where that does
    not divide, running sums carry the rest over to the next member, as Envoy does."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    lightest = min(shares)
    scale = min(ceil(lightest * minimum) / lightest, float(maximum))
    made = target = 0.0
    for member, (address, share) in enumerate(zip(addresses, shares, strict=True)):
        target += scale * share
        copy = 0
        while made < target:
            yield hash64(f"{address}_{copy}".encode(), 0), member
            copy += 1
            made += 1
