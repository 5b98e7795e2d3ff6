"""A check as it is written in a registration."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from muster.model import durations, limits, names
from muster.model.check import Check, Kind
from muster.model.errors import invalid
from muster.model.probe_rules import forbidden_header, forbidden_header_value, forbidden_path

Duration = float | str


class CheckBody(Struct, forbid_unknown_fields=True):
    """`expect_status` holds numbers or ranges such as `"200-299"`; `expect_body` is a substring. Durations as everywhere."""

    kind: Kind
    name: str = ""
    port: int | None = None
    path: str | None = None
    method: Literal["GET", "HEAD"] = "GET"
    expect_status: list[int | str] | None = None
    expect_body: str = ""
    headers: dict[str, str] = {}
    grpc_service: str = ""
    tls: bool = False
    tls_verify: bool = True
    tls_server_name: str = ""
    interval: Duration = limits.CHECK_INTERVAL_S
    timeout: Duration | None = None
    fall: int = limits.CHECK_FALL
    rise: int = limits.CHECK_RISE
    ttl: Duration | None = None


def of_health_endpoint(path: str) -> Check:
    """The seeds' `healthEndpoint`: an HTTP check with every default."""
    return Check(name="health", kind="http", path=_path(path, "health_endpoint"))


def parse(body: CheckBody, where: str, number: int) -> Check:
    """`where` is the field's path (`checks[2]`), for errors. Raises `Rejected`."""
    _only_for(body, where)
    interval = durations.seconds(
        body.interval,
        f"{where}.interval",
        least=limits.CHECK_INTERVAL_MIN_S,
        most=limits.CHECK_INTERVAL_MAX_S,
    )
    return Check(
        name=names.text(body.name or f"{body.kind}-{number + 1}", f"{where}.name", limits.LABEL_CHARS),
        kind=body.kind,
        port=0 if body.port is None else names.port(body.port, field=f"{where}.port"),
        path=_path(body.path or "/", f"{where}.path"),
        method=body.method,
        statuses=_statuses(body.expect_status, f"{where}.expect_status"),
        body=names.text(body.expect_body, f"{where}.expect_body", limits.CHECK_BODY_CHARS),
        headers=_headers(body.headers, f"{where}.headers"),
        grpc_service=names.text(body.grpc_service, f"{where}.grpc_service", limits.LABEL_CHARS),
        tls=body.tls,
        tls_verify=body.tls_verify,
        tls_server_name=names.host(body.tls_server_name, field=f"{where}.tls_server_name")
        if body.tls_server_name
        else "",
        interval=interval,
        timeout=_timeout(body.timeout, interval, f"{where}.timeout"),
        fall=_threshold(body.fall, f"{where}.fall"),
        rise=_threshold(body.rise, f"{where}.rise"),
        ttl=durations.seconds(
            limits.LEASE_TTL_S if body.ttl is None else body.ttl,
            f"{where}.ttl",
            least=limits.LEASE_TTL_MIN_S,
            most=limits.LEASE_TTL_MAX_S,
        ),
    )


def _only_for(body: CheckBody, where: str) -> None:
    """A field that its kind would silently ignore is a mistake worth telling."""
    if body.kind == "ttl" and body.ttl is None:
        raise invalid(f"{where}.ttl", "is required for a ttl check")
    if body.kind != "ttl" and body.ttl is not None:
        raise invalid(f"{where}.ttl", "is for ttl checks alone")
    if body.kind != "http" and (body.path or body.expect_status or body.expect_body or body.headers):
        raise invalid(where, "path, expect_status, expect_body and headers are for http checks alone")
    if body.kind != "grpc" and body.grpc_service:
        raise invalid(f"{where}.grpc_service", "is for grpc checks alone")
    if body.method == "HEAD" and body.expect_body:
        raise invalid(f"{where}.expect_body", "HEAD has no body to look into")


def _timeout(value: Duration | None, interval: float, field: str) -> float:
    most = min(interval, limits.CHECK_TIMEOUT_MAX_S)
    if value is None:
        return min(limits.CHECK_TIMEOUT_S, most)
    return durations.seconds(value, field, least=0.05, most=most)


def _path(value: str, field: str) -> str:
    if why := forbidden_path(value):
        raise invalid(field, why)
    return names.text(value, field, limits.CHECK_PATH_CHARS)


def _threshold(value: int, field: str) -> int:
    if not 1 <= value <= limits.CHECK_THRESHOLD_MAX:
        raise invalid(field, f"must be 1 to {limits.CHECK_THRESHOLD_MAX}, not {value}")
    return value


def _headers(pairs: dict[str, str], field: str) -> tuple[tuple[str, str], ...]:
    if len(pairs) > limits.CHECK_HEADERS:
        raise invalid(field, f"may hold {limits.CHECK_HEADERS} headers")
    for name, value in pairs.items():
        if why := forbidden_header(name):
            raise invalid(f"{field}.{names.printable(name, 64)}", why)
        names.text(value, f"{field}.{name}", limits.CHECK_HEADER_CHARS)
        if why := forbidden_header_value(value):
            raise invalid(f"{field}.{name}", why)
    return tuple(pairs.items())


def _statuses(values: list[int | str] | None, field: str) -> tuple[tuple[int, int], ...]:
    if values is None:
        return ((200, 299),)
    if not 0 < len(values) <= limits.CHECK_STATUS_RANGES:
        raise invalid(field, f"must hold 1 to {limits.CHECK_STATUS_RANGES} statuses or ranges")
    return tuple(_status_range(value, f"{field}[{n}]") for n, value in enumerate(values))


def _status_range(value: int | str, field: str) -> tuple[int, int]:
    first, _, last = str(value).partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise invalid(field, "must be a status such as 204 or a range such as 200-299")
    low, high = int(first), int(last or first)
    if not 100 <= low <= high <= 599:
        raise invalid(field, "must lie within 100 to 599")
    return low, high
