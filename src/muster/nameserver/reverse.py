"""Reverse names: `1.0.0.10.in-addr.arpa`, and 32 digits under `ip6.arpa` (RFC 1035 section 3.5, RFC 3596 section 2.5).

Whoever runs a registry owns none of the public reverse zones; those of private addresses are local to everybody (RFC 6303,
RFC 7793). There an address that nobody has does not exist; elsewhere we do not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from .names import Address

V4 = ("in-addr", "arpa")
V6 = ("ip6", "arpa")
_DIGITS = frozenset("0123456789abcdef")

LOCAL = frozenset(
    [
        ("10", *V4),
        ("127", *V4),
        ("254", "169", *V4),
        ("168", "192", *V4),
        *((str(second), "172", *V4) for second in range(16, 32)),
        *((str(second), "100", *V4) for second in range(64, 128)),
        ("d", "f", *V6),
        ("c", "f", *V6),
        *((digit, "e", "f", *V6) for digit in "89ab"),
        (*"1" + "0" * 31, *V6),
    ]
)
"""Zones that are local to whoever asks."""


def local_zone(labels: Sequence[str]) -> tuple[str, ...] | None:
    """The local zone that the name is in."""
    ends = (tuple(labels[at:]) for at in range(len(labels) - 1))
    return next((end for end in ends if end in LOCAL), None)


def address_of(labels: Sequence[str]) -> Address | None:
    """The address that a whole reverse name speaks of."""
    digits, end = labels[:-2], tuple(labels[-2:])
    if end == V4 and len(digits) == 4 and all(_byte(digit) for digit in digits):
        return IPv4Address(".".join(reversed(digits)))
    if end == V6 and len(digits) == 32 and all(len(d) == 1 and d in _DIGITS for d in digits):
        return IPv6Address(bytes.fromhex("".join(reversed(digits))))
    return None


def may_continue(labels: Sequence[str]) -> bool:
    """Whether it is the end of whole reverse names, so that names may exist below."""
    digits, end = labels[:-2], tuple(labels[-2:])
    if end == V4:
        return len(digits) < 4 and all(_byte(digit) for digit in digits)
    return len(digits) < 32 and all(len(d) == 1 and d in _DIGITS for d in digits)


def _byte(label: str) -> bool:
    return label.isascii() and label.isdecimal() and str(int(label)) == label and int(label) < 256
