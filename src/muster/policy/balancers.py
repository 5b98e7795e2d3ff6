"""The balancers: a name for every combination of a distribution and a load metric that makes sense, and the two that go by key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from muster.model.policy import Balancer, BalancerName

from .distributions import Distribution, Fewest, Stride, Turns, TwoChoices, Uniform, Weighted
from .loads import Load, Outstanding, PeakEwma
from .maglev import Maglev
from .memory import Peer
from .ring import Ring
from .xxh64 import Hash


class Row(NamedTuple):
    """The endpoints to choose from. `turn`: the counter of those that go in turn."""

    peers: Sequence[Peer]
    weights: Sequence[float]
    terms: Balancer
    turn: Callable[[], int]

    @property
    def even(self) -> bool:
        return len(set(self.weights)) <= 1


def _outstanding(row: Row) -> Load:
    return Outstanding(row.peers, row.weights)


def _peak_ewma(row: Row) -> Load:
    return PeakEwma(row.peers, row.weights, row.terms.decay)


def _uniform(row: Row) -> Distribution:
    return Uniform(len(row.weights))


def _weighted(row: Row) -> Distribution:
    return _uniform(row) if row.even else Weighted(row.weights)


def _turns(row: Row) -> Distribution:
    return Turns(len(row.weights), row.turn)


def _stride(row: Row) -> Distribution:
    return _turns(row) if row.even else Stride(row.weights, row.turn)


def _two(load: Callable[[Row], Load]) -> Callable[[Row], Distribution]:
    return lambda row: TwoChoices(_weighted(row), len(row.weights), load(row))


def _fewest(load: Callable[[Row], Load]) -> Callable[[Row], Distribution]:
    return lambda row: Fewest(row.weights, load(row))


DRAWN: Final[dict[BalancerName, Callable[[Row], Distribution]]] = {
    "round_robin": _turns,
    "weighted_round_robin": _stride,
    "random": _uniform,
    "weighted_random": _weighted,
    "least_requests": _fewest(_outstanding),
    "p2c": _two(_outstanding),
    "p2c_peak_ewma": _two(_peak_ewma),
}


class Table(Protocol):
    """Who owns a hash. `attempt`: another owner, for one that must be avoided."""

    def at(self, hashed: int, attempt: int = 0) -> int: ...
    def shares(self, count: int) -> list[float]: ...


def _ring(addresses: Sequence[str], weights: Sequence[float], terms: Balancer, hash64: Hash) -> Table:
    return Ring(
        addresses,
        weights,
        minimum=terms.minimum_ring_size,
        maximum=terms.maximum_ring_size,
        hash64=hash64,
    )


def _maglev(addresses: Sequence[str], weights: Sequence[float], terms: Balancer, hash64: Hash) -> Table:
    return Maglev(addresses, weights, size=terms.table_size, hash64=hash64)


KEYED: Final[dict[BalancerName, Callable[[Sequence[str], Sequence[float], Balancer, Hash], Table]]] = {
    "ring_hash": _ring,
    "maglev": _maglev,
}
