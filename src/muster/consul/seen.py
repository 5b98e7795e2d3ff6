"""Any instance of the registry as Consul's clients see it: on which node, under which id and name, with which checks.

What the registry knows and Consul has no field for becomes a check that speaks of it, so that clients that look only at checks
leave the instance alone: an operator's override and a drain are the maintenance check, a confirmed suspicion one called
`muster-reach`, an instance that is not ready yet one called `muster-ready`.

Checks are told in the order of their IDs, as Consul's are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Final

from msgspec import Struct

from muster.core.state import Entry
from muster.model import limits
from muster.model.record import Facts

from . import details, names
from .answers import AgentService, Definition, HealthCheck, Locality, Node, Service, ServiceAddress, Weights
from .checks import STATUS_OF, definition, kind_of
from .details import Details
from .durations import show
from .names import Home
from .registration import WEIGHT_UNIT

MAINTENANCE: Final = "_service_maintenance:"
NODE_MAINTENANCE: Final = "_node_maintenance"
NO_REASON: Final = (
    "Maintenance mode is enabled for this {}, but no reason was provided. This is a default message."
)
SERF: Final = "serfHealth"


class Seen(Struct, frozen=True):
    """An instance with Consul's names for it. `said` is None for one that was registered in another dialect."""

    entry: Entry
    node: str
    node_address: str
    id: str
    name: str
    address: str
    said: Details | None

    @property
    def tags(self) -> tuple[str, ...]:
        return self.entry.record.instance.tags

    def __repr__(self) -> str:
        return f"<Seen {self.node}/{self.id} of {self.name}>"


_by_id: Final = attrgetter("check_id")
Outputs = Mapping[str, str]
"""What each check of an instance said last, by its native name."""


def seen(entry: Entry, home: Home) -> Seen:
    instance = entry.record.instance
    said = details.of_service(instance)
    if said is not None:
        return Seen(entry, said.node, said.node_address, said.id, said.name, said.address, said)
    node = names.node_at(instance.host, home)
    return Seen(entry, node, instance.host, instance.id, instance.service, instance.host, None)


def check_id(seen: Seen, name: str) -> str:
    """A check's ID on its node. Native names need be unique in their instance only."""
    return name if seen.said is not None else f"service:{seen.id}:{name}"


def service(seen: Seen, unit: int) -> Service:
    """`unit` is how many of the registry's weights make one of Consul's here."""
    instance, said = seen.entry.record.instance, seen.said
    has_place = bool(instance.region or instance.zone)
    return Service(
        id=seen.id,
        service=seen.name,
        tags=instance.tags,
        meta=instance.metadata,
        port=instance.port,
        address=seen.address,
        weights=_weights(seen, unit),
        enable_tag_override=said.enable_tag_override if said else False,
        proxy={"Mode": "", "MeshGateway": {}, "Expose": {}} | (said.proxy if said else {}),
        connect=said.connect if said else {},
        peer_name="",
        create_index=seen.entry.record.generation,
        modify_index=seen.entry.revision,
        kind=said.kind if said else "",
        socket_path=said.socket_path if said else "",
        tagged_addresses=_tagged(seen),
        locality=Locality(instance.region, instance.zone) if has_place else None,
    )


def agent_service(seen: Seen, datacenter: str) -> AgentService:
    told, said = service(seen, WEIGHT_UNIT), seen.said
    return AgentService(
        id=told.id,
        service=told.service,
        tags=told.tags,
        meta=told.meta,
        port=told.port,
        address=told.address,
        weights=told.weights,
        enable_tag_override=told.enable_tag_override,
        datacenter=datacenter,
        kind=told.kind,
        socket_path=told.socket_path,
        tagged_addresses=told.tagged_addresses,
        proxy={"MeshGateway": {}, "Expose": {}} | said.proxy if said and said.proxy else {},
        connect=told.connect,
        locality=told.locality,
    )


def _tagged(seen: Seen) -> dict[str, ServiceAddress]:
    """An agent adds a service's own address, by its family; what is registered in the catalog stays as it was said."""
    said = seen.said.tagged_addresses if seen.said else {}
    if seen.said is not None and seen.said.external:
        return said
    here = ServiceAddress(seen.address, seen.entry.record.instance.port)
    return dict.fromkeys(_families(seen.address), here) | said


def _families(address: str) -> tuple[str, ...]:
    """`lan_ipv4` and `wan_ipv4`, or the same of IPv6; nothing for a name."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return ()
    return f"lan_ipv{version}", f"wan_ipv{version}"


def _weights(seen: Seen, unit: int) -> Weights:
    passing = max(seen.entry.record.instance.weight // unit, 0)
    if seen.said is not None and seen.said.weights is not None:
        return Weights(passing, seen.said.weights.warning * WEIGHT_UNIT // unit)
    if passing * unit == WEIGHT_UNIT:
        return Weights(passing, passing)  # Consul's own default: a warning weighs as much
    return Weights(passing, max(round(passing * limits.DEGRADED_WEIGHT), 1))


# --- Checks -----------------------------------------------------------------------------------------------------------


def checks(seen: Seen, outputs: Outputs) -> tuple[HealthCheck, ...]:
    """Those of the service itself; its node's come beside them."""
    return tuple(sorted((*_own(seen, outputs), *_known(seen)), key=_by_id))


def _own(seen: Seen, outputs: Outputs) -> Iterator[HealthCheck]:
    record = seen.entry.record
    instance, facts = record.instance, record.facts
    for check in instance.checks:
        yield _check(
            seen,
            check_id(seen, check.name),
            STATUS_OF[facts.checks.get(check.name, "unknown")],
            name=check.title or f"Service '{seen.name}' check",
            notes=check.notes,
            output=outputs.get(check.name, ""),
            kind=kind_of(check),
            interval=show(check.interval) if check.active else "",
            timeout=show(check.timeout) if check.active else "",
            definition=definition(check, instance.host, instance.port, instance.deregister_critical_after),
        )


def _known(seen: Seen) -> Iterator[HealthCheck]:
    """Checks that speak of what the registry knows."""
    facts = seen.entry.record.facts
    if facts.override or facts.draining:
        yield _check(
            seen,
            MAINTENANCE + seen.id,
            "critical",
            name="Service Maintenance Mode",
            notes=_why_out(facts),
            kind="maintenance",
        )
    if facts.unreachable:
        told = "no answer where it listens: a suspicion was confirmed"
        yield _check(seen, f"muster-reach:{seen.id}", "critical", name="Reach", output=told)
    if facts.ready is False:
        told = "it has not said that it is ready"
        yield _check(seen, f"muster-ready:{seen.id}", "critical", name="Readiness", output=told)


def _why_out(facts: Facts) -> str:
    if facts.override:
        return facts.override_reason or NO_REASON.format("service")
    return "it is draining"


def _check(
    seen: Seen,
    id: str,
    status: str,
    *,
    name: str,
    notes: str = "",
    output: str = "",
    kind: str = "",
    interval: str = "",
    timeout: str = "",
    definition: Definition = Definition(),
) -> HealthCheck:
    return HealthCheck(
        node=seen.node,
        check_id=id,
        name=name,
        status=status,
        notes=notes,
        output=output,
        service_id=seen.id,
        service_name=seen.name,
        service_tags=seen.tags,
        type=kind,
        interval=interval,
        timeout=timeout,
        exposed_port=0,
        definition=definition,
        create_index=seen.entry.record.generation,
        modify_index=seen.entry.revision,
    )


# --- Nodes ------------------------------------------------------------------------------------------------------------


def node(name: str, address: str, entry: Entry | None, home: Home) -> Node:
    """`entry` is the node's own record, if somebody registered it; else it is where its service said."""
    if entry is None:
        return Node(names.node_id(name), name, address, home.datacenter, _places(address), {}, 1, 1)
    instance = entry.record.instance
    said = details.of_node(instance)
    address = said.address or instance.host
    return Node(
        id=said.id or names.node_id(name),
        node=name,
        address=address,
        datacenter=home.datacenter,
        tagged_addresses=said.tagged_addresses or _places(address),
        meta=instance.metadata,
        create_index=entry.record.generation,
        modify_index=entry.revision,
    )


def _places(address: str) -> dict[str, str]:
    return dict.fromkeys(("lan", "wan", *_families(address)), address)


def node_checks(name: str, entry: Entry | None, outputs: Outputs) -> tuple[HealthCheck, ...]:
    """Those of the node: what was registered for it, and that its agent lives, which is us. An external node has no agent."""
    alive = _node_check(
        name, entry, SERF, "passing", "Serf Health Status", output="Agent alive and reachable"
    )
    if entry is None:
        return (alive,)
    record = entry.record
    around = [] if details.of_node(record.instance).external else [alive]
    own = [
        _node_check(
            name,
            entry,
            check.name,
            STATUS_OF[record.facts.checks.get(check.name, "unknown")],
            check.title or check.name,
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
            _node_check(
                name,
                entry,
                NODE_MAINTENANCE,
                "critical",
                "Node Maintenance Mode",
                notes=notes,
                kind="maintenance",
            )
        )
    return tuple(sorted((*around, *own), key=_by_id))


def _node_check(
    name: str,
    entry: Entry | None,
    id: str,
    status: str,
    title: str,
    *,
    notes: str = "",
    output: str = "",
    kind: str = "",
    definition: Definition = Definition(),
) -> HealthCheck:
    return HealthCheck(
        node=name,
        check_id=id,
        name=title,
        status=status,
        notes=notes,
        output=output,
        service_id="",
        service_name="",
        service_tags=(),
        type=kind,
        interval=definition.interval,
        timeout=definition.timeout,
        exposed_port=0,
        definition=definition,
        create_index=entry.record.generation if entry else 1,
        modify_index=entry.revision if entry else 1,
    )
