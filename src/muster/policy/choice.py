"""What a picker makes of each endpoint: what it is worth now, and whether it may be used. Decided when the picker is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from msgspec import Struct

from muster.model import limits
from muster.model.policy import Policy, SlowStart
from muster.model.record import DISCOVERABLE

from .endpoint import E, Instance
from .memory import Memory, Peer, doubted
from .pacing import Pause, paced

Candidate = tuple[E, Peer]


class Choice(Struct, Generic[E], eq=False, gc=False):
    """What a pick returns: `endpoint`, and `peer`, what this process knows of it. The rest is for building pickers.

    capacity  its weight, as registered
    steady    less while it is degraded
    weight    less still while it is new
    usable    neither ejected, nor behind an open breaker, nor silent or in a doubted zone where that counts
    trial     its breaker, or the doubt, lets one request through: whoever picks it asks the memory first
    """

    endpoint: E
    peer: Peer
    capacity: float
    steady: float
    weight: float
    usable: bool
    trial: bool

    @property
    def instance(self) -> Instance:
        return self.endpoint.instance

    def __repr__(self) -> str:
        usable = "" if self.usable else " unusable"
        return f"<Choice {self.instance.instance_id} {self.endpoint.address} weight={self.weight:g}{usable}>"


def gather(endpoints: Sequence[E], memory: Memory, now: float, pause: Pause = bool) -> list[Candidate[E]]:
    """The discoverable endpoints, each with its peer."""
    peers = memory.adopt(endpoints, now, pause)
    return [
        (endpoint, peer)
        for endpoint, peer in paced(zip(endpoints, peers, strict=True), pause)
        if endpoint.instance.status in DISCOVERABLE
    ]


def judge(
    candidates: Sequence[Candidate[E]], policy: Policy, now: float, pause: Pause = bool
) -> list[Choice[E]]:
    """A choice for each. Weight 0 means never, unless no other weight is there: then it says nothing."""
    weighted = [candidate for candidate in candidates if candidate[0].instance.weight]
    heeded = marks_count(weighted or candidates, policy.panic_threshold, now, pause)
    rising = policy.slow_start.window > 0
    found = []
    for endpoint, peer in paced(weighted or candidates, pause):
        instance = endpoint.instance
        capacity = steady = float(instance.weight or 1)
        if instance.status == "degraded":
            steady *= limits.DEGRADED_WEIGHT
        weight = steady * slow_start(now - peer.since, policy.slow_start) if rising else steady
        usable = admitted(peer, now) and not (heeded and silent(instance, peer, now))
        trial = usable and (peer.out or (heeded and doubted(peer) is not None))
        found.append(Choice(endpoint, peer, capacity, steady, weight, usable, trial))
    return found


def admitted(peer: Peer, now: float) -> bool:
    """Neither ejected as an outlier nor behind an open breaker, unless that lets a trial through."""
    return not peer.out or (peer.record.ejected_at is None and peer.breaker.ready(now))


def silent(instance: Instance, peer: Peer, now: float) -> bool:
    """Overdue at the registry, and no recent success of our own speaks for it; or in a zone that we do not reach."""
    doubt = doubted(peer)
    if doubt is not None and not doubt.ready(now):
        return True
    return instance.overdue and peer.succeeded_at <= now - limits.RECENT_SUCCESS_S


def marks_count(
    candidates: Sequence[Candidate[E]], panic_threshold: int, now: float, pause: Pause = bool
) -> bool:
    """Whether silent ones are passed over: not if that left less than the panic threshold (percent) of all. So many silent
    ones are more likely a registry that sees nothing than a service that died."""
    heard = sum(not silent(endpoint.instance, peer, now) for endpoint, peer in paced(candidates, pause))
    return heard > 0 and 100 * heard >= panic_threshold * len(candidates)


def slow_start(age: float, terms: SlowStart) -> float:
    """The share of its weight that an endpoint gets which appeared `age` s ago (Envoy's `applySlowStartFactor`)."""
    if age >= terms.window:
        return 1.0
    part = max(0.001, age) / terms.window
    grown: float = part ** (1.0 / terms.aggression)
    return max(grown, terms.min_weight_percent / 100.0)


def deadline(candidates: Sequence[Candidate[E]], policy: Policy, now: float) -> float:
    """When something about them changes by itself (s; infinity: never): a breaker lets a trial through, a success speaks no
    more for an overdue one, a new one is worth more."""
    breakers = (peer.known_breaker for _, peer in candidates if peer.out)
    moments = [breaker.until for breaker in breakers if breaker and breaker.state != "closed"]
    moments += [doubt.until for _, peer in candidates if (doubt := doubted(peer))]
    moments += [
        peer.succeeded_at + limits.RECENT_SUCCESS_S
        for endpoint, peer in candidates
        if endpoint.instance.overdue
    ]
    window = policy.slow_start.window
    if window and any(now - peer.since < window for _, peer in candidates):
        moments.append(now + window / limits.SLOW_START_STEPS)
    return min((moment for moment in moments if moment > now), default=float("inf"))
