"""The body of `POST /v1/register`, in every accepted dialect, as an `Instance`.

Both spellings of the fields that have two are accepted, not both at once: `service`/`service_name`,
`instance_id`/`instanceId`, `health_endpoint`/`healthEndpoint`, `deployment_group`/`deploymentGroup`. Everything is checked
before anything is made; a refusal names the field.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from muster.model import durations, limits, names
from muster.model.check import Check, Health
from muster.model.errors import invalid
from muster.model.instance import Endpoint, Instance, LeaseTerms
from muster.model.probe_rules import forbidden_host

from . import checks, strict

Duration = float | str
Scalar = str | int | float | bool | None


class EndpointBody(Struct, forbid_unknown_fields=True):
    port: int
    name: str = ""
    protocol: str = "http"


class RegisterBody(Struct, forbid_unknown_fields=True):
    """Every field a registration may have. Durations are seconds or text such as `"30s"`."""

    host: str = ""
    port: int | None = None
    service: str | None = None
    service_name: str | None = None
    instance_id: str | None = None
    instanceId: str | None = None  # noqa: N815
    endpoints: list[EndpointBody] | None = None
    protocol: str | None = None
    zone: str | None = None
    region: str | None = None
    version: str | None = None
    deployment_group: str | None = None
    deploymentGroup: str | None = None  # noqa: N815
    weight: int | None = None
    tags: list[str] | None = None
    metadata: dict[str, Scalar] | None = None
    health_endpoint: str | None = None
    healthEndpoint: str | None = None  # noqa: N815
    checks: list[checks.CheckBody] | None = None
    ttl: Duration | None = None
    heartbeat_interval: Duration | None = None
    static: bool = False
    status: Literal["starting", "healthy"] | None = None
    incarnation: str = ""
    owner_secret: str | bool | None = None
    deregister_critical_after: Duration | None = None


class Registration(Struct, frozen=True):
    """A checked registration. `owner_secret`: the given text, True to have one made, None for an unguarded id.
    `starting`: the instance said that it is not ready yet."""

    instance: Instance
    incarnation: str
    starting: bool
    owner_secret: str | bool | None


_decoder = msgspec.json.Decoder(RegisterBody)
_SECRET = re.compile(r"[!-+\--~]*")
"""Visible ASCII without the comma."""


def parse(body: bytes, namespace: str, *, dots: bool = False) -> Registration:
    """Raises `Rejected`. `dots`: service names may hold dots."""
    sent = strict.decode(_decoder, body)
    endpoints = _endpoints(sent)
    service = names.service_name(_required(sent.service, sent.service_name, "service"), dots=dots)
    host = names.host(sent.host)
    instance = Instance(
        namespace=namespace,
        service=service,
        id=_id(sent, service, host, endpoints[0].port),
        host=host,
        endpoints=endpoints,
        zone=names.text(sent.zone or "", "zone", limits.LABEL_CHARS),
        region=names.text(sent.region or "", "region", limits.LABEL_CHARS),
        version=names.text(sent.version or "", "version", limits.LABEL_CHARS),
        deployment_group=names.text(
            _either(sent.deployment_group, sent.deploymentGroup, "deployment_group") or "",
            "deployment_group",
            limits.LABEL_CHARS,
        ),
        weight=weight(limits.WEIGHT_DEFAULT if sent.weight is None else sent.weight),
        tags=tags(sent.tags or []),
        metadata=metadata(sent.metadata or {}),
        checks=_checks(sent, host),
        lease=_lease(sent),
        deregister_critical_after=durations.seconds(
            sent.deregister_critical_after or 0.0, "deregister_critical_after"
        ),
    )
    return Registration(
        instance=instance,
        incarnation=names.text(sent.incarnation, "incarnation", limits.INCARNATION_CHARS),
        starting=sent.status == "starting",
        owner_secret=owner_secret(sent.owner_secret)
        if isinstance(sent.owner_secret, str)
        else sent.owner_secret or None,
    )


def first_health(check: Check) -> Health:
    """A check the registry runs begins unknown; one the instance pushes begins as good as the instance said by registering;
    unless it was registered with a health of its own."""
    return check.initial or ("unknown" if check.active else "passing")


def weight(value: int) -> int:
    if not 0 <= value <= limits.WEIGHT_MAX:
        raise invalid("weight", f"must be 0 to {limits.WEIGHT_MAX}, not {value}")
    return value


def tags(values: list[str]) -> tuple[str, ...]:
    if len(values) > limits.TAGS:
        raise invalid("tags", f"may hold {limits.TAGS} tags, not {len(values)}")
    return tuple(names.required(value, f"tags[{n}]", limits.TAG_CHARS) for n, value in enumerate(values))


def metadata(pairs: dict[str, Scalar]) -> dict[str, str]:
    """Values as text: JSON's true, false and null as such, numbers as written by JSON."""
    if len(pairs) > limits.METADATA_PAIRS:
        raise invalid("metadata", f"may hold {limits.METADATA_PAIRS} pairs, not {len(pairs)}")
    texts = {
        names.required(key, "metadata", limits.METADATA_KEY_CHARS): names.text(
            _as_text(value), f"metadata.{names.printable(key, 64)}", limits.METADATA_VALUE_CHARS
        )
        for key, value in pairs.items()
    }
    if sum(len(key) + len(value) for key, value in texts.items()) > limits.METADATA_BYTES:
        raise invalid("metadata", f"may hold {limits.METADATA_BYTES} characters in all")
    return texts


def _as_text(value: Scalar) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _either(first: str | None, second: str | None, field: str) -> str | None:
    if first is not None and second is not None:
        raise invalid(field, "is there in two spellings")
    return second if first is None else first


def _required(first: str | None, second: str | None, field: str) -> str:
    value = _either(first, second, field)
    if value is None:
        raise invalid(field, "is required")
    return value


def _id(sent: RegisterBody, service: str, host: str, port: int) -> str:
    """Without an id of its own an instance is known by where it listens, so that a retry is not another registration."""
    given = _either(sent.instance_id, sent.instanceId, "instance_id")
    return names.instance_id(f"{service}-{host}-{port}" if given is None else given)


def _endpoints(sent: RegisterBody) -> tuple[Endpoint, ...]:
    if not sent.endpoints:
        if sent.port is None:
            raise invalid("port", "is required")
        return (Endpoint("default", names.port(sent.port), _protocol(sent.protocol, "protocol")),)
    if sent.port is not None and sent.port != sent.endpoints[0].port:
        raise invalid("port", "must be that of the first endpoint, or left out")
    if len(sent.endpoints) > limits.ENDPOINTS:
        raise invalid("endpoints", f"may hold {limits.ENDPOINTS} endpoints, not {len(sent.endpoints)}")
    endpoints = tuple(
        Endpoint(
            names.text(body.name or "default", f"endpoints[{n}].name", limits.LABEL_CHARS),
            names.port(body.port, field=f"endpoints[{n}].port"),
            _protocol(body.protocol, f"endpoints[{n}].protocol"),
        )
        for n, body in enumerate(sent.endpoints)
    )
    if len({endpoint.name for endpoint in endpoints}) != len(endpoints):
        raise invalid("endpoints", "two endpoints have one name")
    return endpoints


def _protocol(value: str | None, field: str) -> str:
    return names.required((value or "http").lower(), field, limits.LABEL_CHARS)


def _checks(sent: RegisterBody, host: str) -> tuple[Check, ...]:
    endpoint = _either(sent.health_endpoint, sent.healthEndpoint, "health_endpoint")
    made = [] if endpoint is None else [checks.of_health_endpoint(endpoint)]
    bodies = sent.checks or []
    if len(made) + len(bodies) > limits.CHECKS:
        raise invalid("checks", f"may hold {limits.CHECKS} checks")
    made += [checks.parse(body, f"checks[{n}]", n) for n, body in enumerate(bodies)]
    if len({check.name for check in made}) != len(made):
        raise invalid("checks", "two checks have one name")
    if any(check.active for check in made) and (why := forbidden_host(host)):
        raise invalid("host", f"{why}, and never probed: register it without an active check")
    return tuple(made)


def _lease(sent: RegisterBody) -> LeaseTerms | None:
    if sent.static:
        if sent.ttl is not None or sent.heartbeat_interval is not None:
            raise invalid("static", "a static instance has no lease: leave ttl and heartbeat_interval out")
        return None
    ttl = durations.seconds(
        limits.LEASE_TTL_S if sent.ttl is None else sent.ttl,
        "ttl",
        least=limits.LEASE_TTL_MIN_S,
        most=limits.LEASE_TTL_MAX_S,
    )
    longest = ttl / limits.HEARTBEATS_PER_TTL
    if sent.heartbeat_interval is None:
        return LeaseTerms(ttl, longest)
    return LeaseTerms(
        ttl, durations.seconds(sent.heartbeat_interval, "heartbeat_interval", least=0.1, most=longest)
    )


def owner_secret(value: str) -> str:
    """A secret that fits a header, where several stand between commas."""
    least, most = limits.OWNER_SECRET_MIN_CHARS, limits.OWNER_SECRET_MAX_CHARS
    if not least <= len(value) <= most:
        raise invalid("owner_secret", f"must be {least} to {most} characters")
    if not _SECRET.fullmatch(value):
        raise invalid("owner_secret", "may hold visible ASCII characters except ','")
    return value
