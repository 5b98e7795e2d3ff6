"""Why an endpoint is, or is not, in the rotation of this caller: one line each, for people."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from muster.model.policy import Policy
from muster.model.record import DISCOVERABLE

from .breaker import Breaker
from .choice import Candidate, marks_count, silent
from .endpoint import E, Place
from .memory import Peer, doubted
from .outliers import Record
from .picker import Picker


class Explanation(Struct, frozen=True):
    """`share`: its part of this caller's requests in the long run, all being idle."""

    instance_id: str
    share: float
    why: str


def explain(
    picker: Picker[E], known: Sequence[Candidate[E]], policy: Policy, place: Place, now: float
) -> list[Explanation]:
    """One for each endpoint that is `known`, with its peer, in their order. `picker` is the one in use. Looks, and changes nothing."""
    shares: dict[Peer, float] = {}
    for choice, share in picker.shares():
        shares[choice.peer] = shares.get(choice.peer, 0.0) + share
    heeded = marks_count(
        [c for c in known if c[0].instance.status in DISCOVERABLE], policy.panic_threshold, now
    )
    found = []
    for endpoint, peer in known:
        share = shares.get(peer, 0.0)
        against = _against(endpoint, peer, policy, place, now, heeded=heeded)
        found.append(Explanation(endpoint.instance.instance_id, share, _sentence(share, against)))
    return found


def _sentence(share: float, against: str) -> str:
    if against:
        return f"{against}; used all the same: too few are left" if share else against
    return "in rotation" if share else "others are nearer, or carry the labels asked for"


def _against(endpoint: E, peer: Peer, policy: Policy, place: Place, now: float, *, heeded: bool) -> str:
    """What speaks against it; first match wins."""
    instance, terms = endpoint.instance, policy.outlier_detection
    breaker, record = peer.known_breaker or Breaker(), peer.known_record or Record()
    if instance.status not in DISCOVERABLE:
        return f"the registry says {instance.status}"
    if not instance.weight:
        return "its weight is 0"
    if record.ejected_at is not None:
        left = max(0.0, record.ejected_until(terms) - now)
        return f"ejected: {record.cause}; back in {left:.1f} s, at the next sweep"
    if breaker.state == "half_open":
        return "its breaker is half-open: one trial is under way"
    if breaker.state == "open":
        return f"its breaker is open; a trial in {max(0.0, breaker.until - now):.1f} s"
    if heeded and (doubt := doubted(peer)) and not doubt.ready(now):
        left = max(0.0, doubt.until - now)
        return f"its zone is out of our reach: nobody we called there answered; a trial in {left:.1f} s at the latest"
    if heeded and silent(instance, peer, now):
        return "overdue at the registry, and no recent success of ours speaks for it"
    if place.region and instance.region not in ("", place.region) and not policy.locality.remote:
        return f"in region {instance.region}, and the policy allows no other than {place.region}"
    return ""
