"""Who belongs to a subset, and which subset a request goes to: by header, by weight, by name, and what if nobody is in it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from muster.model.policy import Policy, Subset

from .endpoint import Labelled
from .rotation import Key, hash_of
from .xxh64 import Hash

if TYPE_CHECKING:
    from random import Random

EVERYONE = ""
"""The name of the subset that all instances are in."""


def belongs(instance: Labelled, subset: Subset) -> bool:
    """Whether it carries every label that the subset asks for."""
    return (
        subset.version in ("", instance.version)
        and subset.deployment_group in ("", instance.deployment_group)
        and (not subset.tags or set(subset.tags) <= set(instance.tags))
        and all(instance.metadata.get(key) == value for key, value in subset.metadata.items())
    )


def fallback(policy: Policy) -> str | None:
    """The subset used in place of one that has nobody; None: there is none, and the request fails."""
    places = {"any_endpoint": EVERYONE, "default_subset": policy.default_subset, "no_fallback": None}
    return places[policy.fallback]


class Split:
    """Requests divided between subsets by weight: by chance, or by key, if the policy says that a user stays with one."""

    __slots__ = ("_bounds", "_names", "_sticky", "_total", "_weights")

    def __init__(self, policy: Policy) -> None:
        splits = [split for split in policy.splits if split.weight]
        self._names = tuple(split.subset for split in splits) or (EVERYONE,)
        self._weights = tuple(split.weight for split in splits) or (1,)
        self._bounds = tuple(accumulate(self._weights))
        self._total = self._bounds[-1]
        self._sticky = policy.sticky_splits

    def name(self, rng: Random, key: Key | None, hash64: Hash) -> str:
        if len(self._names) == 1:
            return self._names[0]
        # WeightedCluster: the hash, or a random number, modulo the sum of the weights
        by_key = self._sticky and key is not None
        point = (
            hash_of(key, hash64) % self._total if by_key and key is not None else rng.random() * self._total
        )
        return next(name for name, bound in zip(self._names, self._bounds, strict=True) if point < bound)

    def shares(self) -> dict[str, float]:
        return {name: weight / self._total for name, weight in zip(self._names, self._weights, strict=True)}


def routed(policy: Policy, headers: Mapping[str, str] | None) -> str | None:
    """The subset of the first route that the headers match; None: of none. Header names are compared without regard to case."""
    if not policy.routes or not headers:
        return None
    given = {name.lower(): value for name, value in headers.items()}
    for route in policy.routes:
        value = given.get(route.header.lower())
        if value is not None and route.value in ("", value):
            return route.subset
    return None
