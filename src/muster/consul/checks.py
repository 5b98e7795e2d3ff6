"""Checks in both directions: Consul's definition as one of the registry's, and any of the registry's as Consul's `HealthCheck`.

A Consul agent runs on the machine of its services, so a check of `localhost` there means the machine that registered it; here
it is asked for at the node's address. What the registry never runs is refused: scripts, containers, UDP, aliases, other methods.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from muster.model import limits
from muster.model.check import Check, Health
from muster.model.names import printable
from muster.model.probe_rules import (
    forbidden_header,
    forbidden_header_value,
    forbidden_host,
    forbidden_path,
)

from . import durations, names
from .answers import Definition
from .failures import Refused
from .requests import CheckBody

STATUS_OF: Final[dict[Health, str]] = {
    "passing": "passing",
    "warning": "warning",
    "failing": "critical",
    "unknown": "critical",
}
"""Consul's word for a health. What is not known yet is critical there (`Status`: "by default critical")."""
HEALTH_OF: Final[dict[str, Health]] = {
    "passing": "passing",
    "warning": "warning",
    "critical": "unknown",
    "": "unknown",
}
"""The health that a check registered with this `Status` begins with."""
RANK: Final = ("passing", "warning", "critical")
"""From good to bad."""
_SCRIPTS: Final = "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"
_PORTS: Final = {"http": 80, "https": 443}


class Site(NamedTuple):
    """Where a check is registered: the addresses that its own may be relative to."""

    node_address: str
    host: str


class Parsed(NamedTuple):
    """`critical_after` (s): when a service that stays critical is deregistered, 0 for never."""

    check: Check
    critical_after: float


def parse(body: CheckBody, check_id: str, title: str, site: Site) -> Parsed:
    """Raises `Refused`."""
    if body.status not in HEALTH_OF:
        raise Refused(400, "Status for checks must 'passing', 'warning', 'critical'")
    interval, ttl = _seconds(body.interval), _seconds(body.ttl)
    _validate(body, interval, ttl)
    _supported(body)
    check = Check(
        name=names.required(check_id, "Missing check ID", limits.ID_CHARS),
        kind=_kind(body),
        interval=min(max(interval, limits.CONSUL_CHECK_INTERVAL_MIN_S), limits.CHECK_INTERVAL_MAX_S),
        timeout=_timeout(body),
        fall=_threshold(body.failures_before_critical),
        rise=_threshold(body.success_before_passing),
        warn=_warn(body),
        ttl=ttl,
        initial=HEALTH_OF[body.status],
        title=_text(body.name or title, "Name", limits.ID_CHARS),
        notes=_text(body.notes, "Notes", limits.METADATA_VALUE_CHARS),
    )
    return Parsed(_located(check, body, site), _critical_after(body))


def fixed(check_id: str, title: str, status: str, notes: str) -> Check:
    """A check without a probe and without a TTL: whoever registered it in the catalog says how it is."""
    if status not in HEALTH_OF:
        raise Refused(400, "Bad check status")
    begins = HEALTH_OF[status]
    return Check(
        name=names.required(check_id, "Missing check ID", limits.ID_CHARS),
        kind="ttl",
        ttl=0.0,
        fall=1,
        rise=1,
        initial="failing" if begins == "unknown" else begins,
        title=_text(title, "Name", limits.ID_CHARS),
        notes=_text(notes, "Notes", limits.METADATA_VALUE_CHARS),
    )


def _invalid(text: str) -> Refused:
    return Refused(400, f"Invalid check: {text}")


def _seconds(value: str | float) -> float:
    """What is no duration is, to Consul, no JSON of a check."""
    try:
        return durations.seconds(value)
    except ValueError as error:
        raise Refused(400, f"Request decode failed: {error}") from None


def _text(value: str, field: str, most: int) -> str:
    if len(value) > most:
        raise _invalid(f"{field} has at most {most} characters")
    return printable(value, most)


def _validate(body: CheckBody, interval: float, ttl: float) -> None:
    """Consul's `CheckType.Validate`, in its order and its words."""
    alias = bool(body.alias_node or body.alias_service)
    probed = bool(
        _script(body) or body.http or body.tcp or body.udp or body.grpc or body.h2ping or body.os_service
    )
    rules = (
        (interval > 0 and ttl > 0, "Interval and TTL cannot both be specified"),
        (
            probed and interval <= 0,
            "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
        ),
        (probed and alias, "Interval cannot be set for Alias checks"),
        (alias and ttl > 0, "TTL must be not be set for Alias checks"),
        (not probed and not alias and ttl <= 0, "TTL must be > 0 for TTL checks"),
        (body.output_max_size < 0, "MaxOutputMaxSize must be positive"),
        (
            body.failures_before_warning > body.failures_before_critical,
            "FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
        ),
    )
    for broken, text in rules:
        if broken:
            raise _invalid(text)


def _script(body: CheckBody) -> bool:
    return bool(body.script or body.args or body.script_args or body.docker_container_id)


def _supported(body: CheckBody) -> None:
    if _script(body):
        raise Refused(500, _SCRIPTS)
    rules = (
        (
            bool(body.udp or body.h2ping or body.os_service),
            "UDP, H2PING and OSService checks are not run here",
        ),
        (bool(body.alias_node or body.alias_service), "alias checks are not run here"),
        (body.method.upper() not in ("", "GET", "HEAD"), "Method must be GET or HEAD"),
        (bool(body.body), "a check here sends no body"),
    )
    for broken, text in rules:
        if broken:
            raise _invalid(text)


def _kind(body: CheckBody) -> Literal["http", "tcp", "grpc", "ttl"]:
    if body.http:
        return "http"
    if body.grpc:
        return "grpc"
    return "tcp" if body.tcp else "ttl"


def _timeout(body: CheckBody) -> float:
    asked = _seconds(body.timeout)
    return min(asked, limits.CHECK_TIMEOUT_MAX_S) if asked > 0 else limits.CONSUL_CHECK_TIMEOUT_S


def _threshold(times: int) -> int:
    return min(max(times, 1), limits.CHECK_THRESHOLD_MAX)


def _warn(body: CheckBody) -> int:
    """As many failures as make it critical, or none, make no warning of their own."""
    early = 0 < body.failures_before_warning < body.failures_before_critical
    return _threshold(body.failures_before_warning) if early else 0


def _critical_after(body: CheckBody) -> float:
    after = _seconds(body.deregister_critical_service_after)
    return max(after, limits.CONSUL_CRITICAL_MIN_S) if after > 0 else 0.0


# --- Where it goes ----------------------------------------------------------------------------------------------------


def _located(check: Check, body: CheckBody, site: Site) -> Check:
    match check.kind:
        case "http":
            return _http(check, body, site)
        case "grpc":
            address, _, service = body.grpc.partition("/")
            host, port = _host_port(address, "GRPC")
            named = _grpc_service(service)
            return _at(check, host, port, site, body.grpc_use_tls, body, grpc_service=named)
        case "tcp":
            host, port = _host_port(body.tcp, "TCP")
            return _at(check, host, port, site, body.tcp_use_tls, body)
        case "ttl":
            return check


def _http(check: Check, body: CheckBody, site: Site) -> Check:
    url = _url(body.http)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if why := forbidden_path(path):
        raise _invalid(f"HTTP: the path {why}")
    port = url.port or _PORTS[url.scheme]
    return _at(
        check,
        url.hostname or "",
        port,
        site,
        url.scheme == "https",
        body,
        path=path,
        method="HEAD" if body.method.upper() == "HEAD" else "GET",
        headers=_headers(body.header),
    )


def _at(
    check: Check, host: str, port: int, site: Site, tls: bool, body: CheckBody, **fields: object
) -> Check:
    """`check` at an address; the instance's own needs not be said."""
    here = names.is_loopback(host) or names.is_any(host)
    own = site.node_address if here else names.host(host, f"Invalid check: {host!r} is no address")
    if why := forbidden_host(own):
        raise _invalid(f"no check goes to {own}: it {why}")
    named = body.tls_server_name
    struct = {name: getattr(check, name) for name in check.__struct_fields__}
    placed = {
        "host": "" if own == site.host else own,
        "port": port,
        "tls": tls,
        "tls_verify": not body.tls_skip_verify,
        "tls_server_name": names.host(named, "Invalid check: TLSServerName is no name") if named else "",
    }
    return Check(**{**struct, **placed, **fields})


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        known = url.port is None or url.port > 0
    except ValueError:
        raise _invalid(f"HTTP: {text[:100]!r} is no URL") from None
    if url.scheme not in _PORTS or not url.hostname or not known or url.username is not None:
        raise _invalid(f"HTTP: {text[:100]!r} is no URL of HTTP")
    return url


def _host_port(text: str, field: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
        raise _invalid(f"{field}: {text[:100]!r} is not host:port")
    return host.strip("[]"), int(port)


def _grpc_service(name: str) -> str:
    """What is asked for, not what is shown: cleaned, it would be another service."""
    if _text(name, "GRPC", limits.LABEL_CHARS) != name:
        raise _invalid("GRPC: the service's name must not contain control characters")
    return name


def _headers(header: dict[str, list[str]]) -> tuple[tuple[str, str], ...]:
    pairs = tuple((name, value) for name, values in header.items() for value in values)
    if len(pairs) > limits.CHECK_HEADERS:
        raise _invalid(f"Header may hold {limits.CHECK_HEADERS} headers")
    for name, value in pairs:
        if why := forbidden_header(name) or forbidden_header_value(value):
            raise _invalid(f"Header {name!r} {why}")
    return pairs


# --- The way back -----------------------------------------------------------------------------------------------------


def kind_of(check: Check) -> str:
    """Consul's `Type`: "" for a check that somebody else decides."""
    return check.kind if check.active or check.lapses else ""


def definition(check: Check, host: str, port: int, critical_after: float) -> Definition:
    """What a check does, in Consul's words. `host` and `port` are the instance's."""
    if not check.active:
        return Definition()
    authority = _authority(check.host or host, check.port or port)
    scheme = "https" if check.tls else "http"
    header: dict[str, list[str]] = {}
    for name, value in check.headers:
        header.setdefault(name, []).append(value)
    return Definition(
        http=f"{scheme}://{authority}{check.path}" if check.kind == "http" else "",
        header=header,
        method=check.method if check.kind == "http" else "",
        tls_server_name=check.tls_server_name,
        tls_skip_verify=check.tls and not check.tls_verify,
        tcp=authority if check.kind == "tcp" else "",
        grpc=f"{authority}/{check.grpc_service}".rstrip("/") if check.kind == "grpc" else "",
        grpc_use_tls=check.kind == "grpc" and check.tls,
        interval=durations.show(check.interval),
        timeout=durations.show(check.timeout),
        deregister_critical_service_after=durations.show(critical_after) if critical_after else "",
    )


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def worst(statuses: list[str]) -> str:
    """The aggregate of several checks; none at all is passing."""
    return max(statuses, key=RANK.index, default="passing")
