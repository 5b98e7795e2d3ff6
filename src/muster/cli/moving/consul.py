"""A Consul server as a source: `/v1/catalog/services`, then `/v1/health/service/NAME` for each.

An instance is copied while no check of it, or of its node, is critical; with a check that warns it has the weight it asked for then.
Its id here is the one it gets when it registers here through
Consul's API from a node of the same name.
"""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import SplitResult, quote

import msgspec
from msgspec import Struct, field

from muster.consul.failures import Refused
from muster.consul.names import native_id, native_service
from muster.model import limits, names
from muster.model.errors import Rejected
from muster.model.instance import Endpoint, Instance
from muster.wire import registration

from .foreign import Away, Foreign
from .identity import epoch_of
from .source import ORIGIN, UNREADABLE, Listing, reason

ITSELF: Final = "consul"
"""The service that Consul's servers register for themselves."""
WEIGHT_UNIT: Final = 100


class _Node(Struct, frozen=True):
    name: str = field(name="Node")
    address: str = field(name="Address", default="")


class _Weights(Struct, frozen=True):
    passing: int = field(name="Passing", default=1)
    warning: int = field(name="Warning", default=1)


class _Locality(Struct, frozen=True):
    region: str = field(name="Region", default="")
    zone: str = field(name="Zone", default="")


class _Service(Struct, frozen=True):
    id: str = field(name="ID")
    name: str = field(name="Service")
    port: int = field(name="Port", default=0)
    address: str = field(name="Address", default="")
    kind: str = field(name="Kind", default="")
    tags: list[str] | None = field(name="Tags", default=None)
    meta: dict[str, str] | None = field(name="Meta", default=None)
    weights: _Weights = field(name="Weights", default=_Weights())
    locality: _Locality | None = field(name="Locality", default=None)


class _Check(Struct, frozen=True):
    status: str = field(name="Status", default="")


class _Entry(Struct, frozen=True):
    node: _Node = field(name="Node")
    service: _Service = field(name="Service")
    checks: list[_Check] | None = field(name="Checks", default=None)


_services = msgspec.json.Decoder(dict[str, list[str] | None])
_entries = msgspec.json.Decoder(list[_Entry])


class ConsulSource:
    def __init__(self, url: SplitResult, origin: str, token: str) -> None:
        self.origin = origin
        self._server = Foreign(url, {"X-Consul-Token": token} if token else {})

    def epoch(self) -> str:
        return epoch_of(self._server)

    def read(self) -> Listing:
        found: dict[str, Instance] = {}
        skipped: list[str] = []
        until = time.monotonic() + limits.FOLLOW_READ_S
        try:
            services = _services.decode(self._server.get("/v1/catalog/services"))
            for service in sorted(services.keys() - {ITSELF}):
                if time.monotonic() > until:
                    raise Away(f"{self.origin} is slow: not all of it was read in {limits.FOLLOW_READ_S:g} s")
                path = f"/v1/health/service/{quote(service, safe='')}"
                for entry in _entries.decode(self._server.get(path)):
                    _take(entry, found, skipped)
        except UNREADABLE as error:
            raise Away(f"{self.origin} does not answer as Consul does: {error}") from None
        return Listing(found, tuple(skipped))


def _take(entry: _Entry, found: dict[str, Instance], skipped: list[str]) -> None:
    critical = any(check.status not in ("passing", "warning") for check in entry.checks or ())
    if critical or entry.service.kind or ORIGIN in (entry.service.meta or {}):
        return
    try:
        instance = _instance(entry)
        found[instance.id] = instance
    except (Rejected, Refused) as error:
        skipped.append(reason(f"{entry.service.name}/{entry.service.id}", error))


def _instance(entry: _Entry) -> Instance:
    service, weights = entry.service, entry.service.weights
    place = service.locality or _Locality()
    warns = any(check.status == "warning" for check in entry.checks or ())
    return Instance(
        namespace="default",
        service=native_service(service.name),
        id=native_id(entry.node.name, service.id),
        host=names.host(service.address or entry.node.address, field="Address"),
        endpoints=(Endpoint("default", names.port(service.port, field="Port"), "http"),),
        region=names.text(place.region, "Locality.Region", limits.LABEL_CHARS),
        zone=names.text(place.zone, "Locality.Zone", limits.LABEL_CHARS),
        weight=min((weights.warning if warns else weights.passing) * WEIGHT_UNIT, limits.WEIGHT_MAX),
        tags=registration.tags(service.tags or []),
        metadata=registration.metadata(dict(service.meta or {})),
    )
