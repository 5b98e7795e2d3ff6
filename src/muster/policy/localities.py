"""Which endpoints are how near to a caller: levels, and within the nearest one, zones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple

from muster.model.policy import Policy

from . import failover, zones
from .choice import Choice
from .endpoint import E, Place
from .failover import Level
from .pacing import Pause, paced


class Part(NamedTuple, Generic[E]):
    """`share` of the traffic goes to these, together. `name` tells them apart, for people and for counters."""

    name: str
    share: float
    choices: Sequence[Choice[E]]


def parts(
    choices: Sequence[Choice[E]], place: Place, policy: Policy, *, by_zone: bool, pause: Pause = bool
) -> list[Part[E]]:
    """Whom a caller at `place` sends how much; the shares add up to 1. Empty: nobody may be used."""
    near = levels(choices, place, policy, pause)
    loads = failover.loads(
        [_measure(members, pause) for _, members in near],
        overprovisioning=policy.locality.overprovisioning_factor,
        panic_threshold=policy.panic_threshold,
    )
    found: list[Part[E]] = []
    for depth, ((name, members), load) in enumerate(zip(near, loads, strict=True)):
        usable = members if load.panic else [choice for choice in paced(members, pause) if choice.usable]
        if not load.percent or not usable:
            continue
        part = Part(f"{name} in panic" if load.panic else name, load.percent / failover.WHOLE, usable)
        # Envoy splits by zones at the first priority alone, and never in panic.
        zonal = by_zone and depth == 0 and not load.panic and policy.locality.mode == "zone_aware"
        found += _zones(part, members, place, policy, pause) if zonal else [part]
    return found


def levels(
    choices: Sequence[Choice[E]], place: Place, policy: Policy, pause: Pause = bool
) -> list[tuple[str, list[Choice[E]]]]:
    """Nearest first, without empty ones. An instance without a region is in the caller's: nobody said otherwise."""
    terms = policy.locality
    zone: list[Choice[E]] = []
    region: list[Choice[E]] = []
    remote: list[Choice[E]] = []
    for choice in paced(choices, pause):
        instance = choice.endpoint.instance
        if terms.mode != "none" and place.region and instance.region not in ("", place.region):
            remote.append(choice)
        elif terms.mode == "failover" and place.zone and instance.zone == place.zone:
            zone.append(choice)
        else:
            region.append(choice)
    found = [("zone", zone), ("region", region), ("remote", remote if terms.remote else [])]
    return [(name, members) for name, members in found if members]


def _measure(members: Sequence[Choice[E]], pause: Pause) -> Level:
    """A new endpoint is as healthy as an old one, however little it is given yet."""
    usable = [choice.steady for choice in paced(members, pause) if choice.usable]
    return Level(sum(usable), sum(choice.capacity for choice in members), len(usable), len(members))


def _zones(
    part: Part[E], members: Sequence[Choice[E]], place: Place, policy: Policy, pause: Pause
) -> list[Part[E]]:
    """The nearest level by zones. Callers are where the policy says; else as many in each zone that has instances, usable or
    not: a zone that died has callers still."""
    callers = policy.locality.callers or zones.evenly((c.instance.zone for c in members), place.zone)
    if not place.zone or place.zone not in callers:
        return [part]
    inside: dict[str, list[Choice[E]]] = {}
    for choice in paced(part.choices, pause):
        inside.setdefault(choice.endpoint.instance.zone, []).append(choice)
    capacity = {zone: sum(choice.steady for choice in there) for zone, there in inside.items()}
    return [
        Part(f"zone {zone or 'unknown'}", part.share * share, inside[zone])
        for zone, share in zones.shares(place.zone, capacity, callers).items()
    ]
