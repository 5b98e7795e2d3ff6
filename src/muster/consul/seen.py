"""Any instance of the registry as Consul's clients see it: on which node, under which id and name. Its checks: `shown_checks.py`."""

from __future__ import annotations

import ipaddress

from msgspec import Struct

from muster.core.state import Entry
from muster.model import limits

from . import details, names
from .answers import AgentService, Locality, Node, Service, ServiceAddress, Weights
from .details import Details
from .names import Home
from .registration import WEIGHT_UNIT


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


def seen(entry: Entry, home: Home) -> Seen:
    instance = entry.record.instance
    said = details.of_service(instance)
    if said is not None:
        return Seen(entry, said.node, said.node_address, said.id, said.name, said.address, said)
    node = names.node_at(instance.host, home)
    return Seen(entry, node, instance.host, instance.id, instance.service, instance.host, None)


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
    shown, said = service(seen, WEIGHT_UNIT), seen.said
    return AgentService(
        id=shown.id,
        service=shown.service,
        tags=shown.tags,
        meta=shown.meta,
        port=shown.port,
        address=shown.address,
        weights=shown.weights,
        enable_tag_override=shown.enable_tag_override,
        datacenter=datacenter,
        kind=shown.kind,
        socket_path=shown.socket_path,
        tagged_addresses=shown.tagged_addresses,
        proxy={"MeshGateway": {}, "Expose": {}} | said.proxy if said and said.proxy else {},
        connect=shown.connect,
        locality=shown.locality,
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
