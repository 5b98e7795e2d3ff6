"""The one shape behind both forms: an instance as nested mappings, as Eureka's JSON has it.

    {"port": {"$": 8080, "@enabled": "true"}, "dataCenterInfo": {"@class": "...", "name": "MyOwn"}, ...}

`$` is an element's text and `@name` an attribute, so XML is the same shape in other brackets (`xml.py`). Numbers may be text and
booleans "true": clients of every language send what their serialiser makes of it. What is missing is said in Eureka's own words
(`ApplicationResource.addInstance`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from muster.model import limits, names
from muster.model.errors import Rejected, invalid

from .info import AMAZON, MY_OWN, STATUSES, DataCenter, InstanceInfo, Lease, Port

EMPTY_MAP: Final = "java.util.Collections$EmptyMap"
Shape = Mapping[str, Any]

TEXTS: Final = {
    "app_group": "appGroupName",
    "asg": "asgName",
    "home_page": "homePageUrl",
    "status_page": "statusPageUrl",
    "health_check": "healthCheckUrl",
    "secure_health_check": "secureHealthCheckUrl",
    "vip": "vipAddress",
    "secure_vip": "secureVipAddress",
}
"""Fields that are text and may be absent: ours -> Eureka's."""
LEASE: Final = {
    "renewal": "renewalIntervalInSecs",
    "duration": "durationInSecs",
    "registered": "registrationTimestamp",
    "renewed": "lastRenewalTimestamp",
    "evicted": "evictionTimestamp",
    "up": "serviceUpTimestamp",
}


def read(fields: Shape) -> InstanceInfo:
    """Raises `Rejected`."""
    data_center = _data_center(fields.get("dataCenterInfo"))
    host_name = _text(fields, "hostName")
    info = InstanceInfo(
        instance_id=_text(fields, "instanceId") or data_center.metadata.get("instance-id", "") or host_name,
        app=_text(fields, "app").upper(),
        host_name=host_name or _missing("hostname"),
        ip_addr=_text(fields, "ipAddr") or _missing("ip address"),
        status=_status(_text(fields, "status") or "UP"),
        port=_port(fields, "port", Port(7001, True)),
        secure_port=_port(fields, "securePort", Port(7002, False)),
        country_id=_number(fields, "countryId", 1),
        data_center=data_center,
        lease=_lease(fields.get("leaseInfo")),
        metadata=_pairs(fields, "metadata"),
        coordinating=_text(fields, "isCoordinatingDiscoveryServer") == "true",
        last_updated=_number(fields, "lastUpdatedTimestamp", 0),
        last_dirty=_number(fields, "lastDirtyTimestamp", 0),
        **{ours: _text(fields, theirs) for ours, theirs in TEXTS.items()},
    )
    if not info.app:
        _missing("appName")
    return info


def show(info: InstanceInfo) -> dict[str, Any]:
    """In the order in which Eureka writes it."""
    texts = {theirs: getattr(info, ours) for ours, theirs in TEXTS.items()}
    return {
        "instanceId": info.instance_id,
        "hostName": info.host_name,
        "app": info.app,
        "ipAddr": info.ip_addr,
        "status": info.status,
        "overriddenStatus": info.overridden_status,
        "port": _shown_port(info.port),
        "securePort": _shown_port(info.secure_port),
        "countryId": info.country_id,
        "dataCenterInfo": _shown_data_center(info.data_center),
        "leaseInfo": {theirs: getattr(info.lease, ours) for ours, theirs in LEASE.items()},
        "metadata": dict(info.metadata) or {"@class": EMPTY_MAP},
        **{theirs: value for theirs, value in texts.items() if value},
        "isCoordinatingDiscoveryServer": _bool(info.coordinating),
        "lastUpdatedTimestamp": str(info.last_updated),
        "lastDirtyTimestamp": str(info.last_dirty),
        "actionType": info.action,
    }


# --- Parts ------------------------------------------------------------------------------------------------------------


def _port(fields: Shape, name: str, default: Port) -> Port:
    given = fields.get(name)
    if given is None:
        return default
    if not isinstance(given, Mapping):
        return Port(_number(fields, name, default.number), default.enabled)
    number = _number(given, "$", default.number, field=name)
    return Port(number, (_text(given, "@enabled") or _bool(default.enabled)).lower() == "true")


def _shown_port(port: Port) -> dict[str, Any]:
    return {"$": port.number, "@enabled": _bool(port.enabled)}


def _data_center(given: Any) -> DataCenter:
    if not isinstance(given, Mapping):
        _missing("dataCenterInfo")
    name = _text(given, "name") or _missing("dataCenterInfo Name")
    kind = _text(given, "@class") or (AMAZON if name == "Amazon" else MY_OWN)
    return DataCenter(name, kind, _pairs(given, "metadata"))


def _shown_data_center(data_center: DataCenter) -> dict[str, Any]:
    shown: dict[str, Any] = {"@class": data_center.kind, "name": data_center.name}
    return shown | ({"metadata": data_center.metadata} if data_center.metadata else {})


def _lease(given: Any) -> Lease:
    if given is None:
        return Lease()
    if not isinstance(given, Mapping):
        raise invalid("leaseInfo", "must be an object")
    defaults = Lease()
    return Lease(**{ours: _number(given, theirs, getattr(defaults, ours)) for ours, theirs in LEASE.items()})


def _pairs(fields: Shape, name: str) -> dict[str, str]:
    given = fields.get(name)
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        raise invalid(name, "must be an object")
    return {key: _text(given, key, field=f"{name}.{key}") for key in given if key[:1] not in ("@", "$")}


def _status(word: str) -> str:
    """Eureka takes a word it does not know for UNKNOWN (`InstanceStatus.toEnum`)."""
    return word.upper() if word.upper() in STATUSES else "UNKNOWN"


# --- Scalars ----------------------------------------------------------------------------------------------------------


def _text(fields: Shape, name: str, *, field: str = "") -> str:
    match fields.get(name):
        case None:
            return ""
        case bool(value):
            return _bool(value)
        case str() | int() | float() as value:
            return names.text(str(value).strip(), field or name, limits.EUREKA_TEXT_CHARS)
        case {"$": str() as value}:
            return names.text(value, field or name, limits.EUREKA_TEXT_CHARS)
    raise invalid(field or name, "must be text")


def _number(fields: Shape, name: str, default: int, *, field: str = "") -> int:
    digits = _text(fields, name, field=field)
    if not digits:
        return default
    if not digits.isdecimal() or len(digits) > 18:
        raise invalid(field or name, "must be a number")
    return int(digits)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _missing(what: str) -> NoReturn:
    """In Eureka's own words."""
    raise Rejected("invalid_request", f"Missing {what}")
