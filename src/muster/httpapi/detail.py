"""Everything known of one instance, for people: the record, its lease, its checks, and why it is or is not discoverable."""

from __future__ import annotations

from msgspec.structs import asdict

from muster.core.checks import Tracker
from muster.core.lease import Lease
from muster.core.state import Entry
from muster.httpapi import bodies
from muster.model.record import reason_of
from muster.registry.registry import Registry
from muster.wire import view


def detail_of(registry: Registry, entry: Entry) -> bodies.InstanceDetail:
    record, now, standing = entry.record, registry.now(), registry.standing(entry)
    return bodies.InstanceDetail(
        **asdict(view.of(record, entry.revision)),
        reason=reason_of(record.facts),
        discoverable=entry.discoverable,
        held=standing.held,
        incarnation=record.incarnation,
        changed_at=record.changed_at,
        guarded=bool(record.owner),
        lease=_lease(standing.lease, now) if standing.lease else None,
        facts=_facts(entry),
        checks=[_check(tracker, now) for tracker in standing.checks],
        session=standing.session,
        suspicion=standing.suspicion,
        reached=standing.reached,
    )


def _lease(lease: Lease, now: float) -> bodies.LeaseDetail:
    remaining = 0.0 if lease.phase == "lapsed" else round(max(lease.expires_at - now, 0.0), 3)
    return bodies.LeaseDetail(lease.ttl, lease.interval, remaining, lease.phase)


def _facts(entry: Entry) -> bodies.FactsDetail:
    facts = entry.record.facts
    return bodies.FactsDetail(
        expired_at=facts.expired_at,
        draining=facts.draining,
        override=facts.override,
        override_reason=facts.override_reason,
        unreachable=facts.unreachable,
        ready=facts.ready,
        health=facts.health,
        failing_since=facts.failing_since,
    )


def _check(tracker: Tracker, now: float) -> bodies.CheckDetail:
    return bodies.CheckDetail(
        name=tracker.check.name,
        kind=tracker.check.kind,
        health=tracker.health,
        result=tracker.result,
        output=tracker.said,
        age=round(now - tracker.said_at, 3) if tracker.result else None,
        damped=tracker.suppressed,
    )


def _of_check(tracker: Tracker) -> str:
    damped = " (damped: it flapped)" if tracker.suppressed else ""
    said = f": {tracker.said}" if tracker.said else ""
    return f"check {tracker.check.name!r} is {tracker.health}{damped}{said}"


def explain(registry: Registry, entry: Entry, zone: str) -> bodies.Explanation:
    """Why callers do or do not get the instance. `zone`: the caller's, empty if it does not matter."""
    record, facts, standing = entry.record, entry.record.facts, registry.standing(entry)
    because = [f"it is {entry.status}: {reason_of(facts)}"]
    if facts.overdue:
        because.append("its heartbeat is overdue: callers prefer others while there are enough")
    if standing.held:
        because.append("the guard holds its zone: silence does not take it out")
    if standing.suspicion:
        because.append("a suspicion is being checked by probes")
    because += [_of_check(tracker) for tracker in standing.checks if tracker.health != "passing"]
    if zone and zone != record.instance.zone:
        because.append(f"it is in zone {record.instance.zone!r}, its caller in {zone!r}")
    if record.instance.weight == 0:
        because.append("its weight is 0: pickers choose it only when nothing else is left")
    return bodies.Explanation(
        service=record.instance.service,
        instance_id=record.instance.id,
        discoverable=entry.discoverable,
        status=entry.status,
        because=because,
        revision=entry.revision,
        changed_at=record.changed_at,
        age_s=registry.age,
    )
