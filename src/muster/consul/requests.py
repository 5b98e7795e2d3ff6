"""What Consul's clients send. Names are matched however they are spelt (`spelling.read`); durations are text or nanoseconds."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Duration = str | int | float


class CheckBody(Struct):
    """A check of a registration, or one by itself (`agent/check/register`, with `service_id` perhaps)."""

    id: str = ""
    check_id: str = ""
    name: str = ""
    notes: str = ""
    status: str = ""
    service_id: str = ""
    script: str = ""
    args: list[str] = []
    script_args: list[str] = []
    docker_container_id: str = ""
    shell: str = ""
    http: str = ""
    header: dict[str, list[str]] = {}
    method: str = ""
    body: str = ""
    disable_redirects: bool = False
    tcp: str = ""
    tcp_use_tls: bool = False
    udp: str = ""
    grpc: str = ""
    grpc_use_tls: bool = False
    h2ping: str = ""
    h2ping_use_tls: bool = False
    os_service: str = ""
    alias_node: str = ""
    alias_service: str = ""
    tls_server_name: str = ""
    tls_skip_verify: bool = False
    interval: Duration = ""
    timeout: Duration = ""
    ttl: Duration = ""
    success_before_passing: int = 0
    failures_before_warning: int = 0
    failures_before_critical: int = 0
    deregister_critical_service_after: Duration = ""
    output_max_size: int = 0


class AddressBody(Struct):
    address: str = ""
    port: int = 0


class WeightsBody(Struct):
    passing: int = 1
    warning: int = 1


class LocalityBody(Struct):
    region: str = ""
    zone: str = ""


class ServiceBody(Struct):
    """`agent/service/register`; and the `Service` of `catalog/register`, where the name is called `Service`."""

    id: str = ""
    name: str = ""
    service: str = ""
    kind: str = ""
    tags: list[str] = []
    port: int = 0
    address: str = ""
    socket_path: str = ""
    tagged_addresses: dict[str, AddressBody] = {}
    meta: dict[str, str] = {}
    weights: WeightsBody | None = None
    enable_tag_override: bool = False
    check: CheckBody | None = None
    checks: list[CheckBody] = []
    proxy: dict[str, Any] = {}
    connect: dict[str, Any] = {}
    locality: LocalityBody | None = None


class CatalogCheckBody(Struct):
    """A check whose status somebody else decides. `node`: of the registration, if it is said again."""

    node: str = ""
    check_id: str = ""
    name: str = ""
    status: str = ""
    notes: str = ""
    output: str = ""
    service_id: str = ""


class CatalogRegister(Struct):
    node: str = ""
    address: str = ""
    id: str = ""
    datacenter: str = ""
    tagged_addresses: dict[str, str] = {}
    node_meta: dict[str, str] = {}
    service: ServiceBody | None = None
    check: CatalogCheckBody | None = None
    checks: list[CatalogCheckBody] = []
    skip_node_update: bool = False


class CatalogDeregister(Struct):
    node: str = ""
    address: str = ""
    datacenter: str = ""
    service_id: str = ""
    check_id: str = ""


class CheckUpdate(Struct):
    """`agent/check/update/:id`."""

    status: str = ""
    output: str = ""
