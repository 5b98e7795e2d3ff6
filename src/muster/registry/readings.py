"""What is known beside the records, read off the machine at one moment: of one instance, and of all together."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from muster.core.checks import Tracker
from muster.core.lease import Lease
from muster.core.machine import Machine
from muster.core.state import Entry
from muster.model.check import Result


class Standing(Struct, frozen=True):
    """One instance. `held`: by the guard; `suspicion`: the cause of one being confirmed; `reached`: a probe was ever answered."""

    lease: Lease | None
    checks: list[Tracker]
    held: bool
    session: bool
    suspicion: str | None
    reached: bool


class Figures(Struct, frozen=True):
    """All together. How many there are now; how often something happened since the last load; and what the guard holds."""

    instances: int
    services: int
    leases: int
    suspicions: int
    renewals: int
    expiries: int
    registrations: int
    check_results: Mapping[Result, int]
    flaps: int
    suspect: bool
    held_zones: list[str]


def standing(machine: Machine, entry: Entry) -> Standing:
    record = entry.record
    suspicion = machine.suspicions.get(record.key)
    return Standing(
        lease=machine.leases.get(record.key),
        checks=list(machine.checks.of(record.key)),
        held=machine.guard.holds(record.instance.zone, record.key),
        session=(record.key, record.generation) in machine.sessions,
        suspicion=suspicion.cause if suspicion else None,
        reached=record.key in machine.suspicions.reached,
    )


def figures(machine: Machine) -> Figures:
    return Figures(
        instances=len(machine.state),
        services=sum(1 for _ in machine.state.services()),
        leases=len(machine.leases),
        suspicions=len(machine.suspicions),
        renewals=machine.leases.renewals,
        expiries=machine.expiries,
        registrations=machine.registrations,
        check_results=machine.checks.results,
        flaps=machine.checks.flaps,
        suspect=machine.guard.suspect,
        held_zones=machine.guard.held_zones(),
    )
