"""Rules for every name and text an instance may carry. Each function returns the accepted value or raises `Rejected` naming the field."""

from __future__ import annotations

import ipaddress
import re

from . import limits
from .errors import invalid

_NAME = re.compile(r"[a-z0-9_-]+")
_DOTTED = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""C0, DEL and C1 controls (terminal escapes among them), line separators, lone surrogates."""


def service_name(value: str, *, field: str = "service", dots: bool = False) -> str:
    """Lower-case service name. Dots only if configured: they collide with DNS."""
    return _lower_name(value, field, _DOTTED if dots else _NAME)


def namespace_name(value: str, *, field: str = "namespace") -> str:
    return _lower_name(value, field, _NAME)


def _lower_name(value: str, field: str, shape: re.Pattern[str]) -> str:
    if not isinstance(value, str):
        raise invalid(field, f"must be text, not {type(value).__name__}")
    name = value.lower()
    if not name:
        raise invalid(field, "must not be empty")
    if len(name) > limits.NAME_CHARS:
        raise invalid(field, f"must be at most {limits.NAME_CHARS} characters, not {len(name)}")
    if not shape.fullmatch(name):
        raise invalid(field, "may hold letters, digits, '_' and '-' only")
    return name


def instance_id(value: str, *, field: str = "instance_id") -> str:
    """Any printable text without white space: pod names, Eureka's `host:app:port`, Consul's `node/id`."""
    if " " in value:
        raise invalid(field, "must not contain spaces")
    return required(value, field, limits.ID_CHARS)


def host(value: str, *, field: str = "host") -> str:
    """An IP address (IPv6 without brackets or zone) in its normal form, or a DNS name in lower case."""
    required(value, field, limits.HOST_CHARS)
    if "%" in value:
        raise invalid(
            field, "must not name an interface (%...): it means something else on every other machine"
        )
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    labels = value.removesuffix(".").split(".")
    if not all(_HOST_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise invalid(field, "must be an IP address or a DNS name")
    return value.removesuffix(".").lower()


def port(value: int, *, field: str = "port") -> int:
    if not 1 <= value <= 65_535:
        raise invalid(field, f"must be 1 to 65535, not {value}")
    return value


def text(value: str, field: str, most: int) -> str:
    """Text for people and filters: bounded, no control characters, may be empty."""
    if len(value) > most:
        raise invalid(field, f"must be at most {most} characters, not {len(value)}")
    if _UNPRINTABLE.search(value):
        raise invalid(field, "must not contain control characters")
    return value


def required(value: str, field: str, most: int) -> str:
    if not value:
        raise invalid(field, "must not be empty")
    return text(value, field, most)


def printable(value: str, most: int) -> str:
    """Foreign text made safe to show: control characters become '?', the rest is cut at `most`."""
    return _UNPRINTABLE.sub("?", value[: most + 1])[:most]
