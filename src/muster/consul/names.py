"""Names on both sides: what Consul calls node and service, and what the registry calls them.

    Consul                                the registry
    service `App#1`                       service `app-1`: lower case, and `-` for what a native name cannot hold
    service id `web-1` on node `n1`       instance `n1/web-1`: ids are unique on a node there, and in a namespace here
    node `n1`, if it was registered       instance `n1` of service `n1` in the namespace `consul-nodes`

A native instance is on the node of its host: the registry's own node if that is the registry's machine, else a node called
after the address (`10.0.0.7` is `ip-10-0-0-7`).
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from muster.model import limits, names
from muster.model.errors import Rejected

from .failures import Refused

NODES: Final = "consul-nodes"
"""The namespace of registered nodes."""
DIALECT: Final = "consul"
_UNNATIVE: Final = re.compile(r"[^a-z0-9_-]")
_ID_SAFE: Final = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != "%")
_NODE_SAFE: Final = _ID_SAFE.replace("/", "")
"""What need not be escaped in an instance's id. Its first slash ends the node's name."""


class Home(Struct, frozen=True):
    """The registry as a node of its own: what clients take for their agent. `address` is where others reach it; `port` its HTTP
    port."""

    node: str
    address: str
    datacenter: str
    port: int = 8500
    version: str = ""


def native_service(name: str) -> str:
    """The native name of a Consul service. Several may share one; they are told apart by their own."""
    return _UNNATIVE.sub("-", name.lower())[: limits.NAME_CHARS]


def native_id(node: str, service_id: str) -> str:
    """Raises `Refused` for what is too long."""
    id = f"{native_node(node)}/{quote(service_id, safe=_ID_SAFE)}"
    if len(id) > limits.ID_CHARS:
        raise Refused(
            400, f"Invalid service ID: node and ID together have at most {limits.ID_CHARS} characters"
        )
    return id


def native_node(node: str) -> str:
    """The id of a registered node's instance. Nodes whose names differ in case alone are one, as they are with Consul."""
    return quote(node.lower(), safe=_NODE_SAFE)


def node_id(node: str) -> str:
    """A node that was not given an ID has one that follows from its name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, node))


def node_at(address: str, home: Home) -> str:
    """The name of the node at an address nobody named: an IP in its normal form, or a name. Hot: for every native instance."""
    if address == home.address or address == "localhost" or address.startswith("127.") or address == "::1":
        return home.node
    if ":" in address:
        return "ip-" + re.sub(r":+", "-", address).strip("-")
    # A normal IPv4 address ends in a digit, and the last label of a name does not consist of digits.
    return "ip-" + address.replace(".", "-") if address.rpartition(".")[2].isdecimal() else address


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.localdomain")


def is_any(host: str) -> bool:
    """`0.0.0.0` and `::`, which Consul takes for nobody's address (`ipaddr.IsAny`)."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def host(value: str, otherwise: str) -> str:
    """An address as the registry keeps it. Raises `Refused` with this text for what is none."""
    try:
        return names.host(value.strip("[]"))
    except Rejected:
        raise Refused(400, otherwise) from None


def required(value: str, otherwise: str, most: int = limits.NAME_CHARS) -> str:
    """A name that must be there. Raises `Refused`."""
    if not value:
        raise Refused(400, otherwise)
    try:
        return names.text(value, "", most)
    except Rejected as error:
        raise Refused(400, f"Invalid name: {error.detail}") from None
