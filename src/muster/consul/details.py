"""What a Consul registration says that has no native word, kept with its instance (`Origin.details`) as JSON.

Everything else is the instance's own: name, tags, metadata, port, weight, locality, checks.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.model.instance import Instance, Origin

from .answers import ServiceAddress, Weights
from .failures import Refused
from .names import DIALECT


class Details(Struct, frozen=True, omit_defaults=True):
    """Of a service. `node_address` is where its node was when it was registered; `address` what it gave for itself, "" for
    nothing; `external`: it was registered in the catalog, by somebody else than the node's agent."""

    node: str
    node_address: str
    id: str
    name: str
    address: str = ""
    external: bool = False
    kind: str = ""
    socket_path: str = ""
    tagged_addresses: dict[str, ServiceAddress] = {}
    weights: Weights | None = None
    enable_tag_override: bool = False
    proxy: dict[str, Any] = {}
    connect: dict[str, Any] = {}


class NodeDetails(Struct, frozen=True, omit_defaults=True):
    """Of a registered node. `external`: no agent runs on it."""

    node: str
    id: str = ""
    address: str = ""
    tagged_addresses: dict[str, str] = {}
    external: bool = False


_encoder: Final = msgspec.json.Encoder()
_service: Final = msgspec.json.Decoder(Details)
_node: Final = msgspec.json.Decoder(NodeDetails)


def origin(details: Details | NodeDetails) -> Origin:
    """Raises `Refused` for more than an instance may carry."""
    written = _encoder.encode(details)
    if len(written) > limits.CONSUL_DETAILS_BYTES:
        raise Refused(
            400,
            f"the registration is too large: {limits.CONSUL_DETAILS_BYTES} bytes beside name, tags and meta",
        )
    return Origin(DIALECT, written.decode())


def of_service(instance: Instance) -> Details | None:
    """None for an instance that was not registered through Consul's API."""
    if instance.origin is None or instance.origin.dialect != DIALECT:
        return None
    return _service.decode(instance.origin.details)


def of_node(instance: Instance) -> NodeDetails:
    if instance.origin is None or instance.origin.dialect != DIALECT:
        return NodeDetails(instance.id, address=instance.host)
    return _node.decode(instance.origin.details)
