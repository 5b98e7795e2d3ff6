"""What Consul's clients are answered: the objects of its API, and at the same time what their filters may select.

A field without a default is always said, one with a default only if it is another (Go's `omitempty`). Names are Go's
(`spelling.go_name`): `check_id` is `CheckID`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from .spelling import go_name


class ServiceAddress(Struct, frozen=True, rename=go_name):
    address: str
    port: int


class Weights(Struct, frozen=True, rename=go_name):
    passing: int
    warning: int


class Locality(Struct, frozen=True, rename=go_name):
    region: str
    zone: str


class Definition(Struct, frozen=True, rename=go_name, omit_defaults=True):
    """What a check does. Durations are texts."""

    http: str = ""
    header: dict[str, list[str]] = {}
    method: str = ""
    body: str = ""
    tls_server_name: str = ""
    tls_skip_verify: bool = False
    tcp: str = ""
    udp: str = ""
    grpc: str = ""
    grpc_use_tls: bool = False
    os_service: str = ""
    interval: str = ""
    timeout: str = ""
    deregister_critical_service_after: str = ""


class HealthCheck(Struct, frozen=True, rename=go_name):
    node: str
    check_id: str
    name: str
    status: str
    notes: str
    output: str
    service_id: str
    service_name: str
    service_tags: tuple[str, ...]
    type: str
    interval: str
    timeout: str
    exposed_port: int
    definition: Definition
    create_index: int
    modify_index: int


class Node(Struct, frozen=True, rename=go_name):
    id: str
    node: str
    address: str
    datacenter: str
    tagged_addresses: dict[str, str]
    meta: dict[str, str]
    create_index: int
    modify_index: int


class Service(Struct, frozen=True, rename=go_name, omit_defaults=True):
    """A service as the catalog has it: in `health/service` and `catalog/node`."""

    id: str
    service: str
    tags: tuple[str, ...]
    meta: dict[str, str]
    port: int
    address: str
    weights: Weights
    enable_tag_override: bool
    proxy: dict[str, Any]
    connect: dict[str, Any]
    peer_name: str
    create_index: int
    modify_index: int
    kind: str = ""
    socket_path: str = ""
    tagged_addresses: dict[str, ServiceAddress] = {}
    locality: Locality | None = None
    namespace: str = ""


class AgentService(Struct, frozen=True, rename=go_name, omit_defaults=True):
    """A service as its agent has it, which says where it is and nothing of indexes."""

    id: str
    service: str
    tags: tuple[str, ...]
    meta: dict[str, str]
    port: int
    address: str
    weights: Weights
    enable_tag_override: bool
    datacenter: str
    kind: str = ""
    socket_path: str = ""
    tagged_addresses: dict[str, ServiceAddress] = {}
    content_hash: str = ""
    proxy: dict[str, Any] = {}
    connect: dict[str, Any] = {}
    locality: Locality | None = None


class Entry(Struct, frozen=True, rename=go_name):
    """An element of `health/service/:name`."""

    node: Node
    service: Service
    checks: tuple[HealthCheck, ...]


class CatalogService(Struct, frozen=True, rename=go_name):
    """An element of `catalog/service/:name`: node and service, flat. An empty `service_address` means the node's."""

    id: str
    node: str
    address: str
    datacenter: str
    tagged_addresses: dict[str, str]
    node_meta: dict[str, str]
    service_kind: str
    service_id: str = field(name="ServiceID")
    service_name: str
    service_tags: tuple[str, ...]
    service_address: str
    service_tagged_addresses: dict[str, ServiceAddress]
    service_weights: Weights
    service_meta: dict[str, str]
    service_port: int
    service_socket_path: str
    service_enable_tag_override: bool
    service_proxy: dict[str, Any]
    service_connect: dict[str, Any]
    service_locality: Locality | None
    create_index: int
    modify_index: int


class ServiceHealth(Struct, frozen=True, rename=go_name):
    """`agent/health/service/...`: one service and the worst of its checks."""

    aggregated_status: str
    service: AgentService
    checks: tuple[HealthCheck, ...]


class CatalogNode(Struct, frozen=True, rename=go_name):
    """`catalog/node/:node`."""

    node: Node
    services: dict[str, Service]


class CatalogNodeList(Struct, frozen=True, rename=go_name):
    """`catalog/node-services/:node`: the same as a list."""

    node: Node
    services: list[Service]


class ServiceTags(Struct, frozen=True, rename=go_name):
    """What a filter of `catalog/services` selects from: an instance as the catalog knows it."""

    node: str
    address: str
    node_meta: dict[str, str]
    service_id: str
    service_name: str
    service_tags: tuple[str, ...]
    service_meta: dict[str, str]
    service_port: int
    service_address: str
    service_kind: str
