"""How much of the traffic each instance under a name is to have, as the weights of SRV (RFC 2782: 0 to 65535, relative to each other).

A policy's splits divide what a service's own name gets, as they divide calls in the library: a subset has its share, whatever the
number of its instances, and who is in none has nothing and is not listed. Whoever asks for a version, a group, a tag or one instance
has chosen. Routes are by header, and DNS sees none. Addresses have no weight: they say only who has a share at all.

Weights that differ are said as large as they can be: HAProxy divides them by 256, so that 100 and 10 would be the same to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from muster.core.state import Entry
from muster.model.policy import Policy
from muster.policy import subsets

from . import choice
from .ask import Selector

MOST = 65_535


def weights(entries: Sequence[Entry], where: Selector, policy: Policy) -> list[int]:
    """One for each entry, in their order; 0 for who is to have nothing, unless all are."""
    own = [choice.weight(entry) for entry in entries]
    chosen = where.version or where.group or where.tag or where.label
    parts = None if chosen or not policy.splits else _split(entries, own, policy)
    return _whole(parts) if parts else _enlarged(own)


def _split(entries: Sequence[Entry], own: Sequence[int], policy: Policy) -> list[float] | None:
    """Each instance's part of all calls; None if nobody has one."""
    members = _members(entries, policy)
    everyone = range(len(entries))
    instead = subsets.fallback(policy)
    parts = [0.0] * len(entries)
    for name, share in subsets.Split(policy).shares().items():
        fitting = members.get(name) or (members.get(instead, everyone) if instead is not None else ())
        total = sum(own[at] for at in fitting)
        for at in fitting:
            parts[at] += share * own[at] / total if total else 0.0
    return parts if any(parts) else None


def _members(entries: Sequence[Entry], policy: Policy) -> Mapping[str, Sequence[int]]:
    """Who is in each subset, by place; subsets without anybody are left out."""
    found = {
        subset.name: [
            at for at, entry in enumerate(entries) if subsets.belongs(entry.record.instance, subset)
        ]
        for subset in policy.subsets
    }
    return {name: places for name, places in found.items() if places}


def _whole(parts: Sequence[float]) -> list[int]:
    """In proportion; who has a part at all has a weight."""
    unit = MOST / max(parts)
    return [max(round(part * unit), 1) if part else 0 for part in parts]


def _enlarged(own: Sequence[int]) -> list[int]:
    """In exact proportion; weights that are all the same say nothing, and stay as they are."""
    times = MOST // max(own) if len(set(own)) > 1 else 1
    return [weight * times for weight in own]
