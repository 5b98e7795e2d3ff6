"""Resource records on the wire, each encoded once (RFC 1035 section 3.2, RFC 2782 for SRV).

A record of the answer section belongs to the name that was asked for, so its owner is a pointer to the question, whatever
letters that was written in: case comes back as it was sent (0x20). Every other owner is written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct as Packed

from . import names
from .codes import AAAA, CNAME, HINFO, IN, NS, PTR, SOA, SRV, TXT, A

ASKED = b"\xc0\x0c"
"""A pointer to the question's name: the first thing behind the header (RFC 1035 section 4.1.4)."""

_FIXED = Packed("!HHIH")
_SERVICE = Packed("!HHH")
_TIMES = Packed("!IIIII")
TARGET = len(ASKED) + _FIXED.size + _SERVICE.size
"""Where in an SRV record its target begins."""

STRING_BYTES = 255


def record(owner: bytes, kind: int, ttl: int, data: bytes) -> bytes:
    return owner + _FIXED.pack(kind, IN, ttl, len(data)) + data


def address(owner: bytes, at: names.Address, ttl: int) -> bytes:
    return record(owner, A if at.version == 4 else AAAA, ttl, at.packed)


def alias(host: str, ttl: int) -> bytes:
    return record(ASKED, CNAME, ttl, names.wire(names.of_text(host)))


def service(weight: int, port: int, target: bytes, ttl: int) -> bytes:
    """The priority is the same for all: whom to prefer is said by name (`zone.prefer._zone...`), which every client understands.
    Consul's is 1. The target is not compressed (RFC 2782)."""
    return record(ASKED, SRV, ttl, _SERVICE.pack(1, weight, port) + target)


def pointer(target: Sequence[str], ttl: int) -> bytes:
    return record(ASKED, PTR, ttl, names.wire(target))


def nameserver(target: bytes, ttl: int) -> bytes:
    return record(ASKED, NS, ttl, target)


def texts(strings: Iterable[str], ttl: int) -> bytes:
    """One TXT record. A string has at most 255 bytes; what is longer goes on in the next, as clients join them (RFC 7208 3.3)."""
    return record(ASKED, TXT, ttl, b"".join(_string(part) for text in strings for part in _parts(text)))


def attributes(pairs: Iterable[tuple[str, str]], ttl: int) -> list[bytes]:
    """A TXT record for each `key=value` (RFC 1464: a `=` in the key is quoted)."""
    return [texts([f"{key.replace('`', '``').replace('=', '`=')}={value}"], ttl) for key, value in pairs]


def minimal(ttl: int) -> bytes:
    """The answer to ANY (RFC 8482 section 4.2)."""
    return record(ASKED, HINFO, ttl, _string(b"RFC8482") + _string(b""))


def authority(owner: bytes, origin: bytes, nameserver: bytes, serial: int, ttl: int) -> bytes:
    """The SOA of a zone. Its TTL and its minimum are how long a negative answer may be kept (RFC 2308 section 5)."""
    times = _TIMES.pack(serial & 0xFFFF_FFFF, 3600, 600, 86_400, ttl)
    return record(owner, SOA, ttl, nameserver + b"\x0ahostmaster" + origin + times)


def _parts(text: str) -> Iterable[bytes]:
    data = text.encode()
    return (data[at : at + STRING_BYTES] for at in range(0, len(data) or 1, STRING_BYTES))


def _string(data: bytes) -> bytes:
    return bytes((len(data),)) + data
