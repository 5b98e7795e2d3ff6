"""What a probe may be aimed at, and what it may carry. Each rule returns the reason it forbids something, or None.

A registry that connects to whatever address it was told is a way into its network (server-side request
forgery): whoever may register could have it ask the cloud's metadata service. So a probe goes to unicast
addresses that can belong to an instance and carries no credentials, and the address is judged where it is
known at last: after the name was resolved.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

IPAddress = IPv4Address | IPv6Address

_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_NEVER: Final = (
    (IPv4Network("0.0.0.0/8"), "is unspecified"),  # RFC 1122 3.2.1.3; Linux connects 0.0.0.0 to itself
    (
        IPv4Network("169.254.0.0/16"),
        "is link-local",
    ),  # RFC 3927; 169.254.169.254 is the metadata service of most clouds
    (IPv4Network("224.0.0.0/4"), "is multicast"),
    (IPv4Network("240.0.0.0/4"), "is reserved or broadcast"),  # RFC 1112, RFC 919
    (IPv4Network("100.100.100.200/32"), "is a cloud's metadata service"),  # Alibaba
    (IPv4Network("168.63.129.16/32"), "is a cloud's metadata service"),  # Azure's wire server
    (IPv4Network("192.0.0.192/32"), "is a cloud's metadata service"),  # Oracle
    (IPv6Network("::/128"), "is unspecified"),
    (IPv6Network("fe80::/10"), "is link-local"),
    (IPv6Network("ff00::/8"), "is multicast"),
    (IPv6Network("fd00:ec2::254/128"), "is a cloud's metadata service"),  # AWS
    (IPv6Network("fd20:ce::254/128"), "is a cloud's metadata service"),  # Google
)
_EMBEDDED: Final = (
    # IPv6 networks that lead to an IPv4 address, and how many bits follow that address.
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped, RFC 4291 2.5.5.2
    (IPv6Network("::/96"), 0),  # compatible, RFC 4291 2.5.5.1; holds :: and ::1 too, which are judged before
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)

_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "cache-control",
        "host",  # an instance with several virtual hosts
        "pragma",
        "user-agent",
        "x-forwarded-host",
        "x-forwarded-proto",  # applications that redirect plain requests elsewhere
        "x-request-id",
    }
)
_HEADER_PREFIXES: Final = ("x-check-", "x-health-", "x-probe-")
_CREDENTIAL: Final = re.compile(
    r"auth|cookie|credential|key|pass|secret|session|sig(?:n|$)|token|^proxy-|jwt|csrf|assertion"
)
_PATH: Final = re.compile(r"/[!-~]*")


def forbidden_address(ip: IPAddress, *, allow_loopback: bool) -> str | None:
    """Why no probe goes to `ip`, or None. `allow_loopback`: the registry itself is bound to loopback."""
    for network, reason in _NEVER:
        if ip in network:
            return reason
    if any(ip in network for network in _LOOPBACK):
        return None if allow_loopback else "is loopback"
    inner = _embedded(ip)
    return None if inner is None else forbidden_address(inner, allow_loopback=allow_loopback)


def forbidden_host(host: str) -> str | None:
    """Why no registry probes `host`, wherever it is bound, or None. A name is judged when it has been resolved."""
    try:
        ip = ip_address(host)
    except ValueError:
        return None
    return forbidden_address(ip, allow_loopback=True)


def _embedded(ip: IPAddress) -> IPv4Address | None:
    """The IPv4 address that traffic to this IPv6 address would reach."""
    for network, bits_after in _EMBEDDED:
        if ip in network:
            return IPv4Address(int(ip) >> bits_after & 0xFFFF_FFFF)
    return None


def forbidden_header(name: str) -> str | None:
    """Why a check may not send the header `name`, or None. The list is short, and nothing on it is a credential."""
    lowered = name.lower()
    if lowered in _HEADERS:
        return None
    if _CREDENTIAL.search(lowered):
        return "could carry a credential"
    if lowered.startswith(_HEADER_PREFIXES) and re.fullmatch(r"[a-z0-9-]+", lowered):
        return None
    allowed = ", ".join(sorted(_HEADERS))
    return f"is not one of {allowed}, nor begins with {', '.join(_HEADER_PREFIXES)}"


def forbidden_header_value(value: str) -> str | None:
    """Why a check may not send this header value, or None. Visible ASCII and spaces only: no way to a second header."""
    if value.isascii() and value.isprintable():
        return None
    return "may hold visible ASCII characters and spaces only"


def forbidden_path(path: str) -> str | None:
    """Why a check may not ask for `path`, or None. Path and query as they go on the request line (RFC 9112 3.2.1)."""
    if not _PATH.fullmatch(path):
        return "must begin with '/' and hold visible ASCII characters only"
    if "#" in path:
        return "must not hold a fragment ('#')"
    return None
