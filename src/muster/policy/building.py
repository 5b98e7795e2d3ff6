"""Building a picker: who may be used, how near they are, what each is worth, by which balancer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic

from muster.model.policy import Policy

from . import subsets
from .balancers import DRAWN, KEYED, Row, Table
from .bounded import Bound
from .choice import Candidate, Choice, deadline, gather, judge
from .endpoint import E, Place
from .failover import WHOLE
from .localities import Part, levels, parts
from .memory import Memory, Peer
from .pacing import Pause, paced
from .picker import Picker
from .rotation import Drawn, Group, Keyed, Nothing, Rotation, Shelf
from .xxh64 import Hash, xxh64

if TYPE_CHECKING:
    from random import Random


def build(
    endpoints: Sequence[E],
    policy: Policy,
    place: Place,
    memory: Memory,
    now: float,
    rng: Random,
    *,
    hash64: Hash = xxh64,
    pause: Pause = bool,
) -> Picker[E]:
    """`endpoints`: those of the snapshot, unconfirmed ones among them. The memory adopts them, and sweeps if that is due.
    `hash64`: a faster XXH64, where there is one. `pause` is called every now and then: of thousands, this takes milliseconds."""
    memory.tick(now, rng)
    candidates = gather(endpoints, memory, now, pause)
    builder: _Builder[E] = _Builder(policy, place, memory, now, rng, hash64, pause)
    rotations = {subsets.EVERYONE: builder.rotation(subsets.EVERYONE, candidates)}
    for subset in policy.subsets:
        members = [c for c in candidates if subsets.belongs(c[0].instance, subset)]
        if members:
            rotations[subset.name] = builder.rotation(subset.name, members)
    until = min(deadline(candidates, policy, now), memory.due)
    return Picker(policy, rotations, memory, until, hash64)


class _Builder(Generic[E]):
    """What all rotations of a picker are built with."""

    def __init__(
        self,
        policy: Policy,
        place: Place,
        memory: Memory,
        now: float,
        rng: Random,
        hash64: Hash,
        pause: Pause,
    ) -> None:
        self._policy = policy
        self._place = place
        self._memory = memory
        self._now = now
        self._rng = rng
        self._hash = hash64
        self._pause = pause

    def rotation(self, name: str, candidates: Sequence[Candidate[E]]) -> Rotation[E]:
        policy = self._policy
        choices = judge(candidates, policy, self._now, self._pause)
        keyed = policy.balancer.name in KEYED
        found = parts(choices, self._place, policy, by_zone=not keyed, pause=self._pause)
        if not found:
            return Nothing(self._why(choices))
        if keyed:
            return Keyed([self._shelf(part) for part in found], self._hash)
        return Drawn([self._group(name, part) for part in found])

    def _group(self, name: str, part: Part[E]) -> Group[E]:
        terms = self._policy.balancer
        row = Row(
            peers=[choice.peer for choice in paced(part.choices, self._pause)],
            weights=[choice.weight for choice in paced(part.choices, self._pause)],
            terms=terms,
            turn=self._memory.turn((name, part.name), self._rng),
        )
        self._pause()
        distribution = DRAWN[terms.name](row)
        self._pause()
        return Group(part.name, part.share, tuple(part.choices), distribution)

    def _shelf(self, part: Part[E]) -> Shelf[E]:
        """Slow start does not move keys: a table that changed with every step would move them all the time."""
        terms = self._policy.balancer
        addresses = [choice.endpoint.address for choice in part.choices]
        weights = [choice.steady for choice in part.choices]
        table = KEYED[terms.name](addresses, weights, terms, self._hash)
        bound = self._bound(table, [choice.peer for choice in part.choices], weights)
        return Shelf(part.name, round(part.share * WHOLE), tuple(part.choices), table, bound)

    def _bound(self, table: Table, peers: Sequence[Peer], weights: Sequence[float]) -> Bound | None:
        factor = self._policy.balancer.hash_balance_factor
        if not factor:
            return None
        return Bound(table, peers, weights, factor=factor, memory=self._memory, hash64=self._hash)

    def _why(self, choices: Sequence[Choice[E]]) -> str:
        if not choices:
            return "empty"
        return "unusable" if levels(choices, self._place, self._policy) else "remote"
