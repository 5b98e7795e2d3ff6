"""Answers known by heart: from the exact bytes of a query, less its id, to the packets it is answered with, in turn.

Stubs and forwarders ask the same thing in the same words, so a hit costs one look-up and no parsing. An entry lives until its
service changes: a change is in the next answer. Each rotation is composed when its turn first comes, and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle

from muster.core.state import ServiceKey
from muster.model import limits

Counted = tuple[int, int]
"""(type, code), to be counted."""


class Known:
    """`packets` are without the id. `hits` counts them for the metrics."""

    __slots__ = ("hits", "outcome", "packets", "service")

    def __init__(self, packets: Iterator[bytes], service: ServiceKey, outcome: Counted) -> None:
        self.packets = packets
        self.service = service
        self.outcome = outcome
        self.hits = 0


class Memo:
    """`known` is looked into with every query; everything else goes through the methods."""

    def __init__(self) -> None:
        self.known: dict[bytes, Known] = {}
        self._of: dict[ServiceKey, set[bytes]] = {}
        self._counts = Counter[Counted]()

    def __len__(self) -> int:
        return len(self.known)

    def keep(self, query: bytes, known: Known) -> None:
        """The oldest makes room."""
        if len(self.known) >= limits.DNS_MEMO:
            self._drop(next(iter(self.known)))
        self.known[query] = known
        self._of.setdefault(known.service, set()).add(query)

    def forget(self, services: Iterable[ServiceKey]) -> None:
        for service in services:
            for query in tuple(self._of.get(service, ())):
                self._drop(query)

    def count(self, outcome: Counted) -> None:
        self._counts[outcome] += 1

    def counts(self) -> Counter[Counted]:
        """Answers so far, from memory and otherwise."""
        whole = self._counts.copy()
        for known in self.known.values():
            whole[known.outcome] += known.hits
        return whole

    def _drop(self, query: bytes) -> None:
        known = self.known.pop(query)
        self._counts[known.outcome] += known.hits
        queries = self._of[known.service]
        queries.discard(query)
        if not queries:
            del self._of[known.service]


def turns(first: int, rotations: int, compose: Callable[[int], bytes]) -> Iterator[bytes]:
    """The packets of each rotation in turn, without end. Few are kept once they are made; many would be a lot to keep, and
    are made each time. `first`: where to begin, so that a change does not send everybody to the first instance."""
    if rotations > limits.DNS_ROTATIONS:
        yield from map(compose, count(first))
    made = []
    for turn in range(first, first + rotations):
        packet = compose(turn)
        made.append(packet)
        yield packet
    yield from cycle(made)
