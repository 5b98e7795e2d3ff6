"""An instance as callers see it, the body of a look-up, and the digest by which both ends know that they agree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from muster.model import limits
from muster.model.instance import Endpoint
from muster.model.record import Record, Status


class InstanceView(Struct, frozen=True, gc=False, kw_only=True):
    """One instance in a look-up, a snapshot or an `upsert`. Unknown fields are ignored: newer registries may send more. What has a
    default may be left out; ours sends everything.

    `revision` is that of its last change, `generation` that of its registration; `registered_at` is wall-clock ms.
    """

    instance_id: str
    service: str
    namespace: str = "default"
    host: str
    port: int
    endpoints: tuple[Endpoint, ...]
    zone: str = ""
    region: str = ""
    version: str = ""
    deployment_group: str = ""
    weight: int = limits.WEIGHT_DEFAULT
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    status: Status
    overdue: bool = False
    generation: int
    revision: int
    registered_at: int = 0


class InstanceList(Struct, frozen=True):
    """The body of `GET /v1/services/{name}/instances`."""

    service: str
    revision: int
    epoch: str
    settled: bool
    instances: tuple[InstanceView, ...]


def of(record: Record, revision: int) -> InstanceView:
    instance = record.instance
    return InstanceView(
        instance_id=instance.id,
        service=instance.service,
        namespace=instance.namespace,
        host=instance.host,
        port=instance.port,
        endpoints=instance.endpoints,
        zone=instance.zone,
        region=instance.region,
        version=instance.version,
        deployment_group=instance.deployment_group,
        weight=instance.weight,
        tags=instance.tags,
        metadata=instance.metadata,
        status=record.status,
        overdue=record.facts.overdue,
        generation=record.generation,
        revision=revision,
        registered_at=record.registered_at,
    )


_encoder = msgspec.json.Encoder()


def encode(view: InstanceView) -> bytes:
    return _encoder.encode(view)


def list_body(service: str, revision: int, epoch: str, settled: bool, instances: Iterable[bytes]) -> bytes:
    """An `InstanceList` joined from instances that are encoded already. `service` and `epoch` need no escaping."""
    head = f'{{"service":"{service}","revision":{revision},"epoch":"{epoch}","settled":{json_bool(settled)},"instances":['
    return b"".join((head.encode(), b",".join(instances), b"]}"))


def json_bool(value: bool) -> str:
    return "true" if value else "false"


DIGEST_MODULUS = 1 << 64


def digest_term(id: str, generation: int, revision: int) -> int:
    """One instance's part of a digest: BLAKE2b, 8 bytes, big-endian, over `id NUL generation NUL revision`."""
    material = f"{id}\0{generation}\0{revision}".encode()
    return int.from_bytes(hashlib.blake2b(material, digest_size=8).digest(), "big")


def digest(terms: Iterable[int]) -> int:
    """Of a whole view: the sum of its instances' terms mod 2^64, so it does not depend on order and can be kept up to date."""
    return sum(terms) % DIGEST_MODULUS
