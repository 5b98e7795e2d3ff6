"""The checks of a service and of a node, as Consul's clients are shown them.

What the registry knows and Consul has no field for becomes a check that speaks of it, so that clients that look only at checks
leave the instance alone: an operator's override and a drain are the maintenance check, a confirmed suspicion one called
`muster-reach`, an instance that is not ready yet one called `muster-ready`.

They come in the order of their IDs, as Consul's do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Final

from msgspec import Struct

from muster.core.state import Entry
from muster.model.record import Facts

from . import details
from .answers import Definition, HealthCheck
from .checks import STATUS_OF, definition, kind_of
from .seen import Seen

MAINTENANCE: Final = "_service_maintenance:"
NODE_MAINTENANCE: Final = "_node_maintenance"
NO_REASON: Final = (
    "Maintenance mode is enabled for this {}, but no reason was provided. This is a default message."
)
SERF: Final = "serfHealth"
_by_id: Final = attrgetter("check_id")
Outputs = Mapping[str, str]
"""What each check of an instance said last, by its native name."""


class Whose(Struct, frozen=True):
    """Whose check it is: a service's, or without one the node's. `entry`: its record, if it has one."""

    node: str
    entry: Entry | None
    service_id: str = ""
    service_name: str = ""
    tags: tuple[str, ...] = ()

    def check(
        self,
        id: str,
        status: str,
        *,
        name: str,
        notes: str = "",
        output: str = "",
        kind: str = "",
        definition: Definition = Definition(),
    ) -> HealthCheck:
        return HealthCheck(
            node=self.node,
            check_id=id,
            name=name,
            status=status,
            notes=notes,
            output=output,
            service_id=self.service_id,
            service_name=self.service_name,
            service_tags=self.tags,
            type=kind,
            interval=definition.interval,
            timeout=definition.timeout,
            exposed_port=0,
            definition=definition,
            create_index=self.entry.record.generation if self.entry else 1,
            modify_index=self.entry.revision if self.entry else 1,
        )


def _of(seen: Seen) -> Whose:
    return Whose(seen.node, seen.entry, seen.id, seen.name, seen.tags)


def check_id(seen: Seen, name: str) -> str:
    """A check's ID on its node. Native names need be unique in their instance only."""
    return name if seen.said is not None else f"service:{seen.id}:{name}"


def checks(seen: Seen, outputs: Outputs) -> tuple[HealthCheck, ...]:
    """Those of the service itself; its node's come beside them."""
    return tuple(sorted((*_own(seen, outputs), *_known(seen)), key=_by_id))


def _own(seen: Seen, outputs: Outputs) -> Iterator[HealthCheck]:
    record = seen.entry.record
    instance, facts, whose = record.instance, record.facts, _of(seen)
    for check in instance.checks:
        yield whose.check(
            check_id(seen, check.name),
            STATUS_OF[facts.checks.get(check.name, "unknown")],
            name=check.title or f"Service '{seen.name}' check",
            notes=check.notes,
            output=outputs.get(check.name, ""),
            kind=kind_of(check),
            definition=definition(check, instance.host, instance.port, instance.deregister_critical_after),
        )


def _known(seen: Seen) -> Iterator[HealthCheck]:
    """Checks that speak of what the registry knows."""
    facts, whose = seen.entry.record.facts, _of(seen)
    if facts.override or facts.draining:
        yield whose.check(
            MAINTENANCE + seen.id,
            "critical",
            name="Service Maintenance Mode",
            notes=_why_out(facts),
            kind="maintenance",
        )
    if facts.unreachable:
        output = "no answer where it listens: a suspicion was confirmed"
        yield whose.check(f"muster-reach:{seen.id}", "critical", name="Reach", output=output)
    if facts.ready is False:
        output = "it has not said that it is ready"
        yield whose.check(f"muster-ready:{seen.id}", "critical", name="Readiness", output=output)


def _why_out(facts: Facts) -> str:
    if facts.override:
        return facts.override_reason or NO_REASON.format("service")
    return "it is draining"


# --- Nodes ------------------------------------------------------------------------------------------------------------


def node_checks(name: str, entry: Entry | None, outputs: Outputs) -> tuple[HealthCheck, ...]:
    """Those of the node: what was registered for it, and that its agent lives, which is us. An external node has no agent."""
    whose = Whose(name, entry)
    alive = whose.check(SERF, "passing", name="Serf Health Status", output="Agent alive and reachable")
    if entry is None:
        return (alive,)
    record = entry.record
    around = [] if details.of_node(record.instance).external else [alive]
    own = [
        whose.check(
            check.name,
            STATUS_OF[record.facts.checks.get(check.name, "unknown")],
            name=check.title or check.name,
            notes=check.notes,
            output=outputs.get(check.name, ""),
            kind=kind_of(check),
            definition=definition(check, record.instance.host, 0, 0.0),
        )
        for check in record.instance.checks
    ]
    if record.facts.override:
        notes = record.facts.override_reason or NO_REASON.format("node")
        own.append(
            whose.check(
                NODE_MAINTENANCE,
                "critical",
                name="Node Maintenance Mode",
                notes=notes,
                kind="maintenance",
            )
        )
    return tuple(sorted((*around, *own), key=_by_id))
