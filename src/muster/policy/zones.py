"""How a caller's traffic is split between the zones of its region: Envoy's zone-aware routing.

https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware and
`ZoneAwareLoadBalancerBase::regenerateLocalityRoutingStructures` in load_balancer_impl.cc.

A zone keeps its callers' traffic as far as its share of the capacity carries it; what is too much goes to zones that have more
capacity than callers, in proportion to the difference. If every caller does so, each zone receives exactly its share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_ROUNDING = 1e-9


def shares(own: str, capacity: Mapping[str, float], callers: Mapping[str, float]) -> dict[str, float]:
    """Zone -> share of the traffic of a caller in `own`; only zones with a share, together 1.

    `capacity`: zone -> usable weight; `callers`: zone -> how many there are, in any unit. Where the caller's own zone is in
    neither, or nobody is anywhere, zones say nothing, and all get their share of capacity.
    """
    supply, demand = _normal(capacity), _normal(callers)
    if not own or own not in demand or not supply:
        return supply
    here, needed = supply.get(own, 0.0), demand[own]
    if here and here >= needed - _ROUNDING:
        return {own: 1.0}
    kept = here / needed if needed else 0.0
    spare = {
        zone: more
        for zone, share in supply.items()
        if zone != own and (more := share - demand.get(zone, 0.0)) > _ROUNDING
    }
    spilled = {zone: (1.0 - kept) * share for zone, share in (_normal(spare) or supply).items()}
    return _sum({own: kept}, spilled)


def evenly(zones: Iterable[str], own: str) -> dict[str, float]:
    """Callers, where nobody says how many there are in which zone: as many in each as in the caller's own."""
    return dict.fromkeys([*zones, own], 1.0)


def _normal(amounts: Mapping[str, float]) -> dict[str, float]:
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items() if amount > 0} if total > 0 else {}


def _sum(*parts: Mapping[str, float]) -> dict[str, float]:
    whole: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            whole[name] = whole.get(name, 0.0) + amount
    return {name: amount for name, amount in whole.items() if amount > 0}
