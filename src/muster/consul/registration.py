"""A service as Consul's clients register it, as one of the registry's instances. Everything is checked before anything is made.

A registration through Consul's API is static: it stays until it is deregistered, as it does there, and its checks say how it
is. A weight of Consul's is a hundred of the registry's, so that both defaults mean the same.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from muster.model import limits
from muster.model import names as native
from muster.model.errors import Rejected
from muster.model.instance import Endpoint, Instance

from . import checks, details, names
from .answers import ServiceAddress, Weights
from .checks import Parsed, Site
from .details import Details, NodeDetails
from .failures import Refused
from .requests import CheckBody, ServiceBody, WeightsBody

WEIGHT_UNIT: Final = 100
"""The registry's weights for one of Consul's: its default of 1 is the registry's of 100."""
_META_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class Place(NamedTuple):
    """The node a service is registered on. `external`: not by its own agent."""

    namespace: str
    node: str
    address: str
    external: bool = False


def instance_of(body: ServiceBody, place: Place) -> Instance:
    """Raises `Refused`."""
    name = names.required(body.name or body.service, "Missing service name")
    service_id = names.required(body.id or name, "Missing service ID", limits.ID_CHARS)
    if names.is_any(body.address):
        raise Refused(400, "Invalid service address")
    _meshed(body)
    host = names.host(body.address, "Invalid service address") if body.address else place.address
    weights = _weights(body.weights)
    parsed = _checks(body, service_id, name, Site(place.address, host))
    said = Details(
        node=place.node,
        node_address=place.address,
        id=service_id,
        name=name,
        address=body.address,
        external=place.external,
        kind=body.kind,
        socket_path=body.socket_path,
        tagged_addresses=_tagged(body),
        weights=weights,
        enable_tag_override=body.enable_tag_override,
        proxy=body.proxy,
        connect=_connect(body),
    )
    return Instance(
        namespace=place.namespace,
        service=names.native_service(name),
        id=names.native_id(place.node, service_id),
        host=host,
        endpoints=(Endpoint("default", _port(body.port), "http"),),
        region=_label(body.locality.region if body.locality else "", "Locality.Region"),
        zone=_label(body.locality.zone if body.locality else "", "Locality.Zone"),
        weight=_native_weight(weights),
        tags=_tags(body.tags),
        metadata=meta(body.meta, "Invalid Service Meta: "),
        checks=tuple(each.check for each in parsed),
        lease=None,
        deregister_critical_after=min((p.critical_after for p in parsed if p.critical_after), default=0.0),
        origin=details.origin(said),
    )


def node_of(said: NodeDetails, pairs: dict[str, str]) -> Instance:
    """A node that somebody registered, as the one instance of a service of its own. Raises `Refused`."""
    return Instance(
        namespace=names.NODES,
        service=names.native_service(said.node),
        id=names.native_node(names.required(said.node, "Must provide node")),
        host=names.host(said.address, "Invalid node address"),
        endpoints=(Endpoint("default", 0, "http"),),
        metadata=meta(pairs, ""),
        lease=None,
        origin=details.origin(said),
    )


def meta(pairs: dict[str, str], prefix: str) -> dict[str, str]:
    """Metadata within Consul's rules (`structs.validateMetadata`), in its words. Raises `Refused`."""
    if len(pairs) > limits.CONSUL_META_PAIRS:
        raise Refused(
            400, f"{prefix}Node metadata cannot contain more than {limits.CONSUL_META_PAIRS} key/value pairs"
        )
    for key, value in pairs.items():
        if why := _bad_pair(key, value):
            shown = f"('{native.printable(key, 64)}', '{native.printable(value, 64)}')"
            raise Refused(400, f"{prefix}Couldn't load metadata pair {shown}: {why}")
    return pairs


def _bad_pair(key: str, value: str) -> str:
    """Why the registry does not keep this pair, "" if it does."""
    if not key:
        return "Key cannot be blank"
    if not _META_KEY.fullmatch(key):
        return "Key contains invalid characters"
    if len(key) > limits.CONSUL_META_KEY_CHARS:
        return f"Key is too long (limit: {limits.CONSUL_META_KEY_CHARS} characters)"
    if len(value) > limits.CONSUL_META_VALUE_CHARS:
        return f"Value is too long (limit: {limits.CONSUL_META_VALUE_CHARS} characters)"
    return "Value contains control characters" if native.printable(value, len(value)) != value else ""


def _checks(body: ServiceBody, service_id: str, name: str, site: Site) -> list[Parsed]:
    """`Check`, if it says anything, and `Checks` together; without an ID they are called after the service (Consul's
    `ServiceDefinition.CheckTypes`)."""
    alone = [body.check] if body.check and body.check != CheckBody() else []
    bodies = [*alone, *body.checks]
    if len(bodies) > limits.CHECKS:
        raise Refused(400, f"Invalid check: a service has at most {limits.CHECKS} checks here")
    parsed = [
        checks.parse(each, _check_id(each, service_id, n, len(bodies)), f"Service '{name}' check", site)
        for n, each in enumerate(bodies, 1)
    ]
    if len({each.check.name for each in parsed}) != len(parsed):
        raise Refused(400, "Invalid check: two checks have one CheckID")
    return parsed


def _check_id(body: CheckBody, service_id: str, number: int, of: int) -> str:
    if body.check_id or body.id:
        return body.check_id or body.id
    return f"service:{service_id}:{number}" if of > 1 else f"service:{service_id}"


def _weights(body: WeightsBody | None) -> Weights | None:
    if body is None:
        return None
    if body.passing < 1:
        raise Refused(400, "Invalid Weights: Passing must be greater than 0")
    if body.warning < 0:
        raise Refused(400, "Invalid Weights: Warning must be greater or equal than 0")
    if max(body.passing, body.warning) > limits.WEIGHT_MAX:
        raise Refused(400, f"Invalid Weights: DNS Weight must be between 0 and {limits.WEIGHT_MAX}")
    return Weights(body.passing, body.warning)


def _native_weight(weights: Weights | None) -> int:
    return min((weights.passing if weights else 1) * WEIGHT_UNIT, limits.WEIGHT_MAX)


def _tagged(body: ServiceBody) -> dict[str, ServiceAddress]:
    return {name: ServiceAddress(each.address, each.port) for name, each in body.tagged_addresses.items()}


def _meshed(body: ServiceBody) -> None:
    """What Consul asks of a proxy, and of a service that speaks the mesh's protocol itself."""
    proxied = body.proxy.get("DestinationServiceName") or body.proxy.get("destination_service_name")
    if body.kind == "connect-proxy" and not proxied:
        raise _one_error("Proxy.DestinationServiceName must be non-empty for Connect proxy services")
    if is_native(body.connect) and not body.port and not body.socket_path:
        raise _one_error("Port or SocketPath must be set for a Connect native service.")


def _one_error(why: str) -> Refused:
    return Refused(400, f"Validation failed: 1 error occurred: * {why}")


def is_native(connect: dict[str, object]) -> bool:
    """Whether a service's `Connect` says that it speaks the mesh's protocol."""
    return bool(connect.get("Native") or connect.get("native"))


def _connect(body: ServiceBody) -> dict[str, object]:
    """There is no mesh: a sidecar that would be registered with the service is refused, not forgotten."""
    if any(name.replace("_", "").lower() == "sidecarservice" for name in body.connect):
        raise Refused(
            400, "Invalid Connect: this registry has no service mesh, register the sidecar by itself"
        )
    return body.connect


def _port(port: int) -> int:
    if not 0 <= port <= 65_535:
        raise Refused(400, "Invalid service port")
    return port


def _label(value: str, field: str) -> str:
    try:
        return native.text(value, field, limits.LABEL_CHARS)
    except Rejected as error:
        raise Refused(400, f"Invalid {field}: {error.detail}") from None


def _tags(tags: list[str]) -> tuple[str, ...]:
    if len(tags) > limits.TAGS:
        raise Refused(400, f"Invalid service tags: at most {limits.TAGS}")
    for tag in tags:
        if len(tag) > limits.TAG_CHARS or native.printable(tag, len(tag)) != tag:
            raise Refused(400, f"Invalid service tag: at most {limits.TAG_CHARS} printable characters")
    return tuple(tags)
