"""decide(state, command) -> write. Pure: it looks, it never changes anything.

A write is the record's new content, `GONE`, or `NOTHING` (a no-op: nothing is written and nobody is woken). A command that
cannot be granted raises `Rejected` and leaves no trace. The registry's own commands (`Expire`, `SetHealth` ...) come too late
now and then; they are no-ops then, for nobody waits for the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, assert_never

from msgspec.structs import replace

from muster.model import limits
from muster.model.check import Check, Health
from muster.model.errors import Rejected
from muster.model.instance import Instance
from muster.model.record import Facts, Record
from muster.wire.registration import first_health

from .commands import (
    Amend,
    Command,
    Deregister,
    Drain,
    DropCheck,
    Expire,
    MarkOverdue,
    PutCheck,
    Register,
    Remove,
    Revive,
    SetHealth,
    SetReach,
    key_of,
)
from .state import ServiceKey, State


class Special(Enum):
    NOTHING = "no-op"
    GONE = "removed"


NOTHING: Final = Special.NOTHING
GONE: Final = Special.GONE
Write = Record | Special


def decide(state: State, command: Command) -> Write:
    """Raises `Rejected`."""
    entry = state.get(key_of(command))
    record = entry.record if entry else None
    match command:
        case Register():
            return _fresh(state, command) if record is None else _again(state, command, record)
        case Deregister():
            addressed(record, command.generation, command.owner)
            return GONE
        case Drain():
            return _drain(addressed(record, command.generation, command.owner), command)
        case Amend():
            return _amend(record, command)
        case PutCheck():
            return _put_check(addressed(record, command.generation, command.owner), command)
        case DropCheck():
            return _drop_check(addressed(record, command.generation, command.owner), command)
        case Revive():
            return _revive(addressed(record, command.generation, command.owner), command)
        case MarkOverdue() | Expire() | SetHealth() | SetReach() | Remove():
            if record is None or record.generation != command.generation:
                return NOTHING
            if isinstance(command, Expire) and command.seen not in (0, entry.revision if entry else 0):
                return NOTHING
            return _own(record, command)
    assert_never(command)


# --- What registrars and operators ask ------------------------------------------------------------------------------


def addressed(record: Record | None, generation: int, owner: bytes) -> Record:
    """The record a message is for, if its sender may speak for it."""
    if record is None:
        raise Rejected("unknown_instance", "no such instance in this namespace")
    if generation and generation != record.generation:
        raise Rejected("superseded", "a newer registration holds this id")
    if record.owner and owner != record.owner:
        raise Rejected("not_owner", "the owner secret does not match")
    return record


def _fresh(state: State, command: Register) -> Record:
    _room(state, command.instance)
    return _begin(command, Facts(), superseded=())


def _room(state: State, instance: Instance) -> None:
    service = ServiceKey(instance.namespace, instance.service)
    if len(state) >= limits.INSTANCES:
        raise Rejected("limit_reached", f"the registry holds {limits.INSTANCES} instances", field="instances")
    if state.count(service) >= limits.INSTANCES_PER_SERVICE:
        raise Rejected(
            "limit_reached", f"the service has {limits.INSTANCES_PER_SERVICE} instances", field="service"
        )


def _begin(command: Register, was: Facts, *, superseded: tuple[str, ...]) -> Record:
    """A new incarnation: nothing is known of it but what it says and what an operator said of its id."""
    instance = command.instance
    probed = any(check.active for check in instance.checks)
    return Record(
        instance=instance,
        incarnation=command.incarnation,
        facts=Facts(
            override=was.override,
            override_reason=was.override_reason,
            # Without a check of ours only the instance itself can say that it became ready.
            ready=False if command.starting and not probed else None,
            checks={check.name: first_health(check) for check in instance.checks},
        ),
        registered_at=command.at,
        changed_at=command.at,
        owner=command.owner,
        superseded=superseded,
    )


def _again(state: State, command: Register, record: Record) -> Write:
    """An id that is known. The same incarnation says more or the same; another replaces it."""
    lapsed = record.facts.expired_at != 0
    if record.owner and command.owner != record.owner and not lapsed:
        raise Rejected("not_owner", "the id is guarded by another owner secret")
    if command.incarnation in record.superseded:
        raise Rejected("superseded", "a newer incarnation was registered since")
    if record.instance.service != command.instance.service:
        _room(state, command.instance)
    if command.incarnation != record.incarnation:
        older = (*record.superseded, record.incarnation) if record.incarnation else record.superseded
        return _begin(command, record.facts, superseded=older[-limits.SUPERSEDED_KEPT :])
    if record.facts.draining:
        if command.incarnation:
            raise Rejected("draining", "this incarnation is draining; only a new one can register")
        return _begin(command, record.facts, superseded=record.superseded)
    return _said_again(command, record)


def _said_again(command: Register, record: Record) -> Write:
    instance = command.instance
    if command.keep_checks:
        instance = _with_checks(instance, {check.name: check for check in record.instance.checks})
    proposed = replace(record, instance=instance, owner=command.owner)
    health = _kept_health(instance, record)
    return _written(proposed, record, command.at, expired_at=0, overdue=False, checks=health)


def _with_checks(instance: Instance, known: Mapping[str, Check]) -> Instance:
    """`instance` with these checks before its own, except where its own have the same name."""
    checks = {**known, **{check.name: check for check in instance.checks}}
    if len(checks) > limits.CHECKS:
        raise Rejected("limit_reached", f"an instance has at most {limits.CHECKS} checks", field="checks")
    return replace(instance, checks=tuple(checks.values()))


def _kept_health(instance: Instance, record: Record) -> dict[str, Health]:
    """A check that is the same keeps its health; a new or changed one begins anew."""
    old = record.facts.checks
    return {
        check.name: old[check.name]
        if check.name in old and record.instance.check(check.name) == check
        else first_health(check)
        for check in instance.checks
    }


def _drain(record: Record, command: Drain) -> Write:
    return _written(record, record, command.at, draining=True)


def _amend(record: Record | None, command: Amend) -> Write:
    operator_only = command.override is not None and (
        command.weight is None and command.tags is None and command.metadata is None and command.ready is None
    )
    owner = record.owner if record and operator_only else command.owner
    record = addressed(record, command.generation, owner)
    said = {"weight": command.weight, "tags": command.tags, "metadata": command.metadata}
    reason = command.reason if command.override is None else command.reason or ""
    facts = {"ready": command.ready, "override": command.override, "override_reason": reason}
    amended = replace(record, instance=replace(record.instance, **_given(said)))
    return _written(amended, record, command.at, **_given(facts))


def _put_check(record: Record, command: PutCheck) -> Write:
    known = record.instance
    instance = _with_checks(
        replace(known, checks=(command.check,)), {check.name: check for check in known.checks}
    )
    given = [after for after in (known.deregister_critical_after, command.deregister_critical_after) if after]
    proposed = replace(record, instance=replace(instance, deregister_critical_after=min(given, default=0.0)))
    return _written(proposed, record, command.at, checks=_kept_health(instance, record))


def _drop_check(record: Record, command: DropCheck) -> Write:
    if record.instance.check(command.name) is None:
        raise Rejected("unknown_check", "the instance has no such check", field="check")
    left = tuple(check for check in record.instance.checks if check.name != command.name)
    proposed = replace(record, instance=replace(record.instance, checks=left))
    return _written(proposed, record, command.at, checks=_kept_health(proposed.instance, record))


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _revive(record: Record, command: Revive) -> Write:
    revived = _written(record, record, command.at, expired_at=0, overdue=False)
    return replace(record, changed_at=command.at) if revived is NOTHING and command.contested else revived


# --- What the registry itself finds ---------------------------------------------------------------------------------


def _own(record: Record, command: MarkOverdue | Expire | SetHealth | SetReach | Remove) -> Write:
    leased = record.instance.lease is not None and not record.facts.expired_at
    match command:
        case MarkOverdue():
            return _written(record, record, command.at, overdue=True) if leased else NOTHING
        case Expire():
            return (
                _written(record, record, command.at, expired_at=command.at, overdue=False)
                if leased
                else NOTHING
            )
        case SetHealth():
            return _set_health(record, command)
        case SetReach():
            return _written(record, record, command.at, unreachable=command.unreachable)
        case Remove():
            return GONE if record.status == command.status else NOTHING
    assert_never(command)


def _set_health(record: Record, command: SetHealth) -> Write:
    known = record.facts.checks
    if command.check not in known:
        return NOTHING
    return _written(record, record, command.at, checks={**known, command.check: command.health})


# --- What every write obeys -----------------------------------------------------------------------------------------


def _written(proposed: Record, record: Record, at: int, **changed: object) -> Write:
    """`proposed` with these facts; `failing_since` follows the health. A no-op if that is what `record` is already."""
    facts = replace(proposed.facts, **changed)
    since = (facts.failing_since or at) if facts.health == "failing" else 0
    written = replace(proposed, facts=replace(facts, failing_since=since))
    return NOTHING if written == record else replace(written, changed_at=at)
