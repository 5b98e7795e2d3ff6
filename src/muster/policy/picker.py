"""The picker of a service: asked for every request, made anew when something changed.

    picker = build(snapshot.endpoints, policy, place, memory, now, rng)      # muster.policy.building
    if not picker.fresh(now): build another one
    choice = picker.pick(rng, now)                                           # None: picker.reason() says why
    memory.start(choice.peer); ...; memory.finish(choice.peer, outcome, started=now, now=later, rng=rng)

A picker never changes. It is right until its deadline (a breaker that lets a trial through, an ejection that ends, a new
endpoint that is worth more) and as long as nobody is taken out or comes back; `fresh` asks for both. One that is out of date
still passes over whoever was taken out since, so whoever has many endpoints may build the next one a little later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Generic

from muster.model import limits
from muster.model.policy import Policy

from . import subsets
from .choice import Choice
from .endpoint import E
from .memory import Memory, Peer
from .rotation import Key, Nothing, Rotation
from .xxh64 import Hash

if TYPE_CHECKING:
    from random import Random

NOBODY: tuple[Peer, ...] = ()


class Picker(Generic[E]):
    """`rotations`: by subset; everyone's is always there. `until`: the deadline (s)."""

    __slots__ = ("_hash", "_memory", "_only", "_policy", "_rotations", "_split", "_version", "until")

    def __init__(
        self,
        policy: Policy,
        rotations: Mapping[str, Rotation[E]],
        memory: Memory,
        until: float,
        hash64: Hash,
    ) -> None:
        self.until = until
        self._policy = policy
        self._rotations = rotations
        self._split = subsets.Split(policy)
        self._only = None if policy.splits or policy.routes else rotations[subsets.EVERYONE]
        self._memory = memory
        self._version = memory.version
        self._hash = hash64

    def __repr__(self) -> str:
        return f"<Picker {self._policy.balancer.name} {self._rotations[subsets.EVERYONE]!r}>"

    def fresh(self, now: float) -> bool:
        return now < self.until and self._version == self._memory.version

    def pick(
        self,
        rng: Random,
        now: float,
        *,
        key: Key | None = None,
        headers: Mapping[str, str] | None = None,
        subset: str | None = None,
        avoid: Collection[Peer] = NOBODY,
    ) -> Choice[E] | None:
        """One endpoint, or None if there is none to be had. `key`: for ring hash, Maglev and sticky splits. `subset` by name,
        in place of what routes and splits say. `avoid`: the peers of earlier attempts, if any other is there."""
        rotation = self._only
        if rotation is None or subset is not None:
            rotation = self._rotation(rng, key, headers, subset)
        choice = rotation.pick(rng, now, key, avoid)
        if choice is None or not (choice.peer.out or choice.trial) or not choice.usable:
            return choice  # not usable, and chosen all the same: in panic
        if choice.trial and not avoid and self._memory.begin_trial(choice.peer, now):
            return choice
        # Taken out since; or its trial is under way; or this is a second attempt, which should not end on a doubtful endpoint.
        return self._another(rotation, rng, now, key, {*avoid, choice.peer})

    def reason(self, subset: str | None = None) -> str:
        """Why there is nothing to pick: empty, subset, remote, unusable. Empty text: there is."""
        rotation = self._find(subset or subsets.EVERYONE)
        return rotation.reason if isinstance(rotation, Nothing) else ""

    def shares(self) -> Iterator[tuple[Choice[E], float]]:
        """Who gets which part of the requests in the long run, routes aside, while all are idle."""
        for name, part in self._split.shares().items():
            for choice, share in self._find(name).shares():
                yield choice, part * share

    def _another(
        self, rotation: Rotation[E], rng: Random, now: float, key: Key | None, avoid: set[Peer]
    ) -> Choice[E] | None:
        """One that is not out, if a few looks find any."""
        choice = rotation.pick(rng, now, key, avoid)
        for _ in range(limits.DRAWS):
            if choice is None or not (choice.peer.out or choice.trial) or not choice.usable:
                return choice
            avoid.add(choice.peer)
            choice = rotation.pick(rng, now, key, avoid)
        return choice

    def _rotation(
        self, rng: Random, key: Key | None, headers: Mapping[str, str] | None, subset: str | None
    ) -> Rotation[E]:
        if subset is None:
            subset = subsets.routed(self._policy, headers)
        return self._find(self._split.name(rng, key, self._hash) if subset is None else subset)

    def _find(self, name: str) -> Rotation[E]:
        found = self._rotations.get(name)
        if found is not None:
            return found
        instead = subsets.fallback(self._policy)
        return Nothing("subset") if instead is None else self._rotations.get(instead, Nothing("subset"))
