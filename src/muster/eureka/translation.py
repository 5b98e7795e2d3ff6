"""Between Eureka's instances and the registry's. What each side calls what is told in `docs/how-to/eureka.md`.

An instance registered here keeps what has no native word in its origin's details; one registered natively is shown with what its
record has. A key is `app/instanceId`: instance ids are unique within their app there, and within a namespace here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from muster.core.state import Entry
from muster.model import limits, names
from muster.model.errors import Rejected, invalid
from muster.model.instance import Endpoint, Instance, LeaseTerms, Origin
from muster.model.record import Record, Status
from muster.wire import registration

from .info import InstanceInfo, Lease, Port

DIALECT: Final = "eureka"
NAMESPACE: Final = "default"
"""Eureka has none: its clients live in this one."""

STATUS: Final[Mapping[Status, str]] = {
    "healthy": "UP",
    "degraded": "UP",
    "starting": "STARTING",
    "unhealthy": "DOWN",
    "draining": "OUT_OF_SERVICE",
    "out_of_service": "OUT_OF_SERVICE",
}
"""What Eureka's clients are told. Who is not in it is not listed."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(InstanceInfo)


# --- Into the registry ------------------------------------------------------------------------------------------------


def instance_of(info: InstanceInfo, *, dots: bool) -> Instance:
    """Raises `Rejected`, naming Eureka's field."""
    service = names.service_name(info.app, field="app", dots=dots)
    return Instance(
        namespace=NAMESPACE,
        service=service,
        id=names.instance_id(f"{service}/{info.instance_id}", field="instanceId"),
        host=_host(info),
        endpoints=_endpoints(info),
        zone=_label(info.metadata.get("zone") or info.data_center.metadata.get("availability-zone", "")),
        version=_label(info.metadata.get("version", "")),
        metadata=registration.metadata(dict(info.metadata)),
        lease=_terms(info.lease),
        origin=_origin(info),
    )


def _host(info: InstanceInfo) -> str:
    """The address: a name may mean something on the instance's own machine alone."""
    try:
        return names.host(info.ip_addr, field="ipAddr")
    except Rejected:
        return names.host(info.host_name, field="hostName")


def _endpoints(info: InstanceInfo) -> tuple[Endpoint, ...]:
    """Those that are enabled; the plain one if none is, since an instance is somewhere."""
    plain, secure = info.port, info.secure_port
    found = []
    if plain.enabled or not secure.enabled:
        found.append(Endpoint("http", names.port(plain.number, field="port"), "http"))
    if secure.enabled:
        found.append(Endpoint("https", names.port(secure.number, field="securePort"), "https"))
    return tuple(found)


def _terms(lease: Lease) -> LeaseTerms:
    """The lease as it was asked for, within the registry's bounds: it ends after its duration, not after twice that
    (`Lease.isExpired`, which Eureka documents as a bug). Overdue must come before expired, whatever the interval."""
    ttl = min(max(float(lease.duration), limits.LEASE_TTL_MIN_S), limits.LEASE_TTL_MAX_S)
    return LeaseTerms(ttl, min(float(max(lease.renewal, 1)), ttl / 2))


def _label(value: str) -> str:
    """A zone or version, if it can be one here. It stays in the metadata in any case."""
    try:
        return names.text(value, "zone", limits.LABEL_CHARS)
    except Rejected:
        return ""


def _origin(info: InstanceInfo) -> Origin:
    details = _encoder.encode(replace(info, metadata={}))
    if len(details) > limits.EUREKA_DETAILS_BYTES:
        raise invalid("instance", f"may hold {limits.EUREKA_DETAILS_BYTES} bytes beside its metadata")
    return Origin(DIALECT, details.decode())


# --- Out of the registry ----------------------------------------------------------------------------------------------


def own_words(instance: Instance) -> InstanceInfo | None:
    """What it said of itself, without its metadata; None for one that was not registered through Eureka's API."""
    if instance.origin is None or instance.origin.dialect != DIALECT:
        return None
    return _decoder.decode(instance.origin.details)


def info_of(entry: Entry, action: str = "ADDED") -> InstanceInfo:
    """Any instance as Eureka's clients see it. `lastRenewalTimestamp` is that of the last change: renewals write nothing."""
    record = entry.record
    own = own_words(record.instance)
    seen = own or _native(record)
    return replace(
        seen,
        status=status_of(entry, own),
        overridden_status="OUT_OF_SERVICE" if record.facts.override else "UNKNOWN",
        metadata=_metadata(record.instance) if own is None else record.instance.metadata,
        lease=replace(
            seen.lease,
            registered=record.registered_at,
            renewed=record.changed_at,
            evicted=0,
            up=record.registered_at,
        ),
        last_updated=record.changed_at,
        action=action,
    )


def listed(entry: Entry) -> bool:
    return entry.status in STATUS


def status_of(entry: Entry, own: InstanceInfo | None) -> str:
    """A Eureka instance that is not ready says so in one of several words."""
    if entry.status == "starting" and own is not None and own.status != "UP":
        return own.status
    return STATUS[entry.status]


def _native(record: Record) -> InstanceInfo:
    instance = record.instance
    secure = next((each.port for each in instance.endpoints if each.protocol == "https"), 0)
    plain = next((each.port for each in instance.endpoints if each.protocol != "https" and each.port), 0)
    terms = instance.lease
    return InstanceInfo(
        instance_id=instance.id.removeprefix(f"{instance.service}/"),
        app=instance.service.upper(),
        host_name=instance.host,
        ip_addr=instance.host,
        port=Port(plain or instance.port, plain != 0),
        secure_port=Port(secure or 443, secure != 0),
        lease=Lease(max(round(terms.interval), 1), round(terms.ttl)) if terms else Lease(),
        vip=instance.service,
        secure_vip=instance.service,
        last_dirty=record.changed_at,
    )


def _metadata(instance: Instance) -> dict[str, str]:
    """Its own, and what Eureka's clients look for there."""
    found = {"zone": instance.zone, "region": instance.region, "version": instance.version}
    return {key: value for key, value in found.items() if value} | instance.metadata
