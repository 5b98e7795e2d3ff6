"""Names on the wire, and labels made of what is no label: ids, addresses, zones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

LABEL_BYTES = 63
NAME_BYTES = 255
_UNFIT = re.compile(r"[^a-z0-9_-]")


def wire(labels: Sequence[str]) -> bytes:
    """`("web", "service", "consul")` as a name without compression."""
    return b"".join(bytes((len(label),)) + label.encode("latin-1") for label in labels) + b"\0"


def of_text(name: str) -> tuple[str, ...]:
    """The labels of `muster.internal`, in lower case."""
    return tuple(name.lower().removesuffix(".").split("."))


def label_of(text: str) -> str:
    """A label for an id, a version, a zone: in lower case, with `-` for whatever a host name may not hold, cut where labels end."""
    return _UNFIT.sub("-", text.lower())[:LABEL_BYTES]


def dashed(host: str) -> str:
    """The label of an address, as CoreDNS makes it: `10-0-0-1`, `2001-db8--1`."""
    return host.replace(".", "-").replace(":", "-")


def address_of(host: str) -> Address | None:
    """The address, if the host is one and not a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
