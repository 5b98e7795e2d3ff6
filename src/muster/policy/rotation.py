"""The endpoints of one subset as a caller sees them, ready to be picked from: drawn by load and chance, or found by key.

Both kinds are immutable: what changes is in the peers they look at, and in a counter for those that go in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Generic, NamedTuple

from muster.model import limits

from .balancers import Table
from .bounded import Bound
from .choice import Choice
from .distributions import Distribution
from .endpoint import E
from .failover import WHOLE
from .memory import Peer
from .xxh64 import Hash

if TYPE_CHECKING:
    from random import Random

Key = str | bytes | int
"""What a request goes by: text is hashed; a number is a hash already."""


class Group(NamedTuple, Generic[E]):
    """A part of the traffic and the endpoints that share it."""

    name: str
    share: float
    choices: tuple[Choice[E], ...]
    distribution: Distribution


class Drawn(Generic[E]):
    """A group by its share, then an endpoint by its distribution."""

    __slots__ = ("_groups", "_only", "_rows")

    def __init__(self, groups: Sequence[Group[E]]) -> None:
        self._groups = tuple(groups)
        bounds = [*accumulate(group.share for group in groups[:-1]), 1.0]  # whatever rounding did to the sum
        self._rows = tuple(
            (bound, group.choices, group.distribution.pick)
            for bound, group in zip(bounds, groups, strict=True)
        )
        self._only = self._rows[0] if len(groups) == 1 else None

    def __repr__(self) -> str:
        return f"<Drawn {', '.join(f'{group.name}: {group.share:.1%}' for group in self._groups)}>"

    def pick(self, rng: Random, now: float, key: Key | None, avoid: Collection[Peer]) -> Choice[E]:
        if self._only is not None:
            _, choices, draw = self._only
            choice = choices[draw(rng, now)]
        else:
            choice = self._from_groups(rng, now)
        return self._another(rng, now, choice, avoid) if avoid and choice.peer in avoid else choice

    def shares(self) -> Iterator[tuple[Choice[E], float]]:
        for group in self._groups:
            for choice, share in zip(group.choices, group.distribution.shares(), strict=True):
                yield choice, group.share * share

    def _from_groups(self, rng: Random, now: float) -> Choice[E]:
        where = rng.random()
        for bound, choices, draw in self._rows:
            if where < bound:
                return choices[draw(rng, now)]
        raise AssertionError(self)  # the last bound is 1

    def _another(self, rng: Random, now: float, first: Choice[E], avoid: Collection[Peer]) -> Choice[E]:
        """One that is not to be avoided: a few draws, so that shares stay right, then whoever is left; `first` if nobody is."""
        for _ in range(limits.DRAWS):
            choice = self._from_groups(rng, now)
            if choice.peer not in avoid:
                return choice
        everyone = (choice for group in self._groups for choice in group.choices)
        return next((choice for choice in everyone if choice.peer not in avoid), first)


class Shelf(NamedTuple, Generic[E]):
    """A level's percent of all keys, the table that says whose each is, and how much an owner may bear."""

    name: str
    percent: int
    choices: tuple[Choice[E], ...]
    table: Table
    bound: Bound | None = None

    def owner(self, hashed: int) -> Choice[E]:
        owner = self.table.at(hashed)
        return self.choices[owner if self.bound is None else self.bound.within(owner, hashed)]


class Keyed(Generic[E]):
    """A level by the key's hash, then the endpoint that owns it, as Envoy's `ThreadAwareLoadBalancerBase` does."""

    __slots__ = ("_hash", "_shelves")

    def __init__(self, shelves: Sequence[Shelf[E]], hash64: Hash) -> None:
        self._shelves = tuple(shelves)
        self._hash = hash64

    def __repr__(self) -> str:
        return f"<Keyed {', '.join(f'{shelf.name}: {shelf.percent}%' for shelf in self._shelves)}>"

    def pick(self, rng: Random, now: float, key: Key | None, avoid: Collection[Peer]) -> Choice[E]:
        """Without a key any endpoint, as in Envoy. What must be avoided goes to the next owners, whatever they bear."""
        hashed = rng.getrandbits(64) if key is None else hash_of(key, self._hash)
        shelf = self._shelf(hashed)
        first = shelf.owner(hashed)
        if not avoid or first.peer not in avoid:
            return first
        later = (shelf.choices[shelf.table.at(hashed, attempt)] for attempt in range(1, limits.DRAWS))
        return next((other for other in chain(later, shelf.choices) if other.peer not in avoid), first)

    def shares(self) -> Iterator[tuple[Choice[E], float]]:
        for shelf in self._shelves:
            for choice, share in zip(shelf.choices, shelf.table.shares(len(shelf.choices)), strict=True):
                yield choice, shelf.percent / WHOLE * share

    def _shelf(self, hashed: int) -> Shelf[E]:
        """`LoadBalancerBase::choosePriority`: the hash modulo 100, plus 1, against the running sum of the loads."""
        point, reached = hashed % WHOLE + 1, 0
        for shelf in self._shelves:
            reached += shelf.percent
            if point <= reached:
                return shelf
        return self._shelves[-1]


class Nothing(Generic[E]):
    """Nobody may be picked. `reason` says why: empty, remote, unusable."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"<Nothing: {self.reason}>"

    def pick(self, rng: Random, now: float, key: Key | None, avoid: Collection[Peer]) -> None:
        return None

    def shares(self) -> Iterator[tuple[Choice[E], float]]:
        return iter(())


Rotation = Drawn[E] | Keyed[E] | Nothing[E]


def hash_of(key: Key, hash64: Hash) -> int:
    if isinstance(key, int):
        return key & 0xFFFF_FFFF_FFFF_FFFF
    return hash64(key.encode(errors="surrogatepass") if isinstance(key, str) else key, 0)
