"""Whom Prometheus is to scrape: the body of `http_sd_configs`, a list of groups with labels.

    {"targets": ["10.0.0.1:9100"], "labels": {"__meta_muster_service": "web", "__meta_muster_zone": "a", ...}}

The list is always whole: Prometheus drops what is not in it. It holds everything that is registered, also what callers must not
use (a draining instance still has something to say); only a lapsed lease is gone. One target for each instance: its endpoint
called `metrics`, or the first, or the one that is asked for by name. Encoded once per change of a service.

Whatever an instance says of itself stands behind `__meta_muster_`, so that it can set no label of Prometheus' own.
Source: Prometheus' documentation, "Writing HTTP Service Discovery".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from muster.core.state import Entry, View
from muster.model.instance import Endpoint, Instance
from muster.registry.registry import Registry
from muster.wire.filters import KNOWN_STATUSES, Filter

REGISTERED: Final = tuple(status for status in KNOWN_STATUSES if status != "expired")
"""Statuses of what is there, whether callers may use it or not."""
USUAL_PORT: Final = "metrics"
META: Final = "__meta_muster_"
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")
"""What a label's name cannot hold becomes `_`, as in every other discovery of Prometheus'."""


class Group(Struct, frozen=True):
    targets: tuple[str, ...]
    labels: dict[str, str]


def body(registry: Registry, namespace: str, services: Sequence[str], port: str, filter: Filter) -> bytes:
    """The list as JSON; of `services`, or of all if none is named. `port`: an endpoint's name, or ""."""
    if not filter.statuses:
        filter = msgspec.structs.replace(filter, statuses=REGISTERED)
    found = sorted(
        key
        for key in registry.services()
        if key.namespace == namespace and (not services or key.name in services)
    )
    parts = (_part(registry.snapshot(key).view(filter), port) for key in found)
    return b"[" + b",".join(part for part in parts if part) + b"]"


def _part(view: View, port: str) -> bytes:
    """The groups of one service, joined by commas."""
    return view.once(f"prometheus {port}", lambda: b",".join(_groups(view.entries, port)))


def _groups(entries: Iterable[Entry], port: str) -> Iterable[bytes]:
    for entry in entries:
        endpoint = _endpoint(entry.record.instance, port)
        if endpoint is not None:
            yield _encoder.encode(group(entry, endpoint))


def _endpoint(instance: Instance, port: str) -> Endpoint | None:
    named = {endpoint.name: endpoint for endpoint in instance.endpoints if endpoint.port}
    if not port and not named:
        return None
    return named.get(port) if port else named.get(USUAL_PORT, next(iter(named.values())))


def group(entry: Entry, endpoint: Endpoint) -> Group:
    instance = entry.record.instance
    labels = {
        "namespace": instance.namespace,
        "service": instance.service,
        "instance_id": instance.id,
        "port_name": endpoint.name,
        "protocol": endpoint.protocol,
        "zone": instance.zone,
        "region": instance.region,
        "version": instance.version,
        "deployment_group": instance.deployment_group,
        "status": entry.status,
        "overdue": "true" if entry.record.facts.overdue else "false",
        "tags": f",{','.join(instance.tags)}," if instance.tags else "",
    }
    labels |= {f"metadata_{_NOT_IN_A_LABEL.sub('_', key)}": value for key, value in instance.metadata.items()}
    named = {META + name: value for name, value in labels.items() if value}
    if endpoint.protocol == "https":
        named["__scheme__"] = "https"
    host = f"[{instance.host}]" if ":" in instance.host else instance.host
    return Group((f"{host}:{endpoint.port}",), named)


_encoder = msgspec.json.Encoder()
