"""What a template sees: services and their instances, sorted, so that the same state is the same output."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from muster.client.state import Absent, Bound, Failed, Mirror, Pending
from muster.model import limits
from muster.wire.view import InstanceView

from .quoting import address


class Server(Struct, frozen=True):
    """An instance. `address` is `host:port`, an IPv6 host in brackets; the host alone of one that was registered without a port
    (`port` 0), for which no program would take a file. `ports` are its endpoints' by name."""

    id: str
    host: str
    port: int
    address: str
    ports: dict[str, int]
    zone: str
    region: str
    version: str
    group: str
    weight: int
    tags: tuple[str, ...]
    metadata: dict[str, str]
    status: str
    overdue: bool


class Service(Struct, frozen=True):
    """`instances`: those to be used now. `discoverable`: these and the overdue ones, which are passed over unless too few would
    be left. `exists`: whether anything of this name is registered at all."""

    name: str
    exists: bool
    instances: tuple[Server, ...]
    discoverable: tuple[Server, ...]


class NotKnown(Exception):
    """Nothing is known of a service yet, which is something else than that it has no instance."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason


def service_of(mirror: Mirror) -> Service:
    """Raises `NotKnown`."""
    match mirror:
        case Bound(service=name, instances=found):
            servers = tuple(server_of(each) for each in sorted(found, key=lambda each: each.instance_id))
            return Service(name, True, _preferred(servers), servers)
        case Absent(service=name):
            return Service(name, False, (), ())
        case Pending(service=name):
            raise NotKnown(name, "no registry has told of it yet")
        case Failed(service=name, reason=reason):
            raise NotKnown(name, reason)


def server_of(view: InstanceView) -> Server:
    host = f"[{view.host}]" if ":" in view.host else view.host
    return Server(
        id=view.instance_id,
        host=view.host,
        port=view.port,
        address=address(f"{host}:{view.port}" if view.port else host),
        ports={endpoint.name: endpoint.port for endpoint in view.endpoints},
        zone=view.zone,
        region=view.region,
        version=view.version,
        group=view.deployment_group,
        weight=view.weight,
        tags=view.tags,
        metadata=view.metadata,
        status=view.status,
        overdue=view.overdue,
    )


def _preferred(servers: Sequence[Server]) -> tuple[Server, ...]:
    heard = tuple(server for server in servers if not server.overdue)
    return heard if len(heard) >= limits.PANIC_THRESHOLD * len(servers) else tuple(servers)
