"""Who would get how much: a policy, endpoints and callers, and the very pickers the library uses.

    simulate(policy, endpoints, {Place("a"): 3, Place("b"): 1}, rng, down={"web-7"})

No dice are thrown: a picker tells what each endpoint gets in the long run, with all of them idle. As in the library, callers
know of each other only what `locality.callers` says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from muster.model.policy import Policy

from .building import build
from .endpoint import E, Place
from .memory import Memory
from .picker import Picker
from .xxh64 import Hash, xxh64

if TYPE_CHECKING:
    from random import Random

NOW = 0.0


class Portion(Struct, frozen=True):
    """What one endpoint would get: `share` of all requests. `load`: its share by its share of the weights; 1.0 is fair."""

    instance_id: str
    zone: str
    share: float
    load: float


class Flow(Struct, frozen=True):
    """What the callers at one place would do: `share` of all requests is theirs, and goes to zones as `zones` says (parts of
    1; a zone stands behind its region, as `Place` writes it). `refused`: why they would find nobody; empty if they would."""

    place: Place
    share: float
    zones: dict[str, float]
    refused: str = ""


class Forecast(Struct, frozen=True):
    """`portions` in the order of the endpoints, `flows` in that of the callers."""

    portions: tuple[Portion, ...]
    flows: tuple[Flow, ...]

    @property
    def served(self) -> float:
        """The share of all requests that find an endpoint."""
        return sum(portion.share for portion in self.portions)

    @property
    def crossing(self) -> float:
        """The share of all requests that leave their caller's zone."""
        return sum(
            flow.share * part
            for flow in self.flows
            for zone, part in flow.zones.items()
            if zone != str(flow.place)
        )


def simulate(
    policy: Policy,
    endpoints: Sequence[E],
    callers: Mapping[Place, float],
    rng: Random,
    *,
    down: Collection[str] = (),
    hash64: Hash = xxh64,
) -> Forecast:
    """`callers`: how many requests come from where, in any unit; `down`: ids of instances every caller has ejected."""
    total = sum(callers.values())
    given = dict.fromkeys((endpoint.instance.instance_id for endpoint in endpoints), 0.0)
    flows = []
    for place, amount in callers.items():
        picker = build(endpoints, policy, place, _memory(policy, endpoints, down), NOW, rng, hash64=hash64)
        flows.append(_flow(picker, place, amount / total))
        for choice, part in picker.shares():
            given[choice.instance.instance_id] += part * amount / total
    return Forecast(_portions(endpoints, given), tuple(flows))


def _memory(policy: Policy, endpoints: Sequence[E], down: Collection[str]) -> Memory:
    memory = Memory(policy, NOW)
    for endpoint, peer in zip(endpoints, memory.adopt(endpoints, NOW), strict=True):
        if endpoint.instance.instance_id in down:
            memory.eject(peer, "consecutive_5xx", NOW)
    return memory


def _flow(picker: Picker[E], place: Place, share: float) -> Flow:
    zones: dict[str, float] = {}
    for choice, part in picker.shares():
        region = (choice.instance.region or place.region) if place.region else ""
        zone = str(Place(choice.instance.zone, region))
        zones[zone] = zones.get(zone, 0.0) + part
    return Flow(place, share, zones, picker.reason())


def _portions(endpoints: Sequence[E], given: Mapping[str, float]) -> tuple[Portion, ...]:
    weights = sum(endpoint.instance.weight for endpoint in endpoints)
    return tuple(
        Portion(
            instance_id=instance.instance_id,
            zone=instance.zone,
            share=given[instance.instance_id],
            load=given[instance.instance_id] * weights / instance.weight if instance.weight else 0.0,
        )
        for instance in (endpoint.instance for endpoint in endpoints)
    )
