"""A query as it comes in: read once, strictly, into a frozen value (RFC 1035 section 4; RFC 6891 for EDNS).

Whatever cannot be a query is `None`, and is not answered: an answer to an answer would be the beginning of a loop. What is a
query, and wrong, is a `Fault` with the code it deserves.
"""

from __future__ import annotations

import struct
from struct import Struct as Packed

from msgspec import Struct

from muster.model import limits

from .codes import FORMERR, NOTIMP, OPT

HEADER = Packed("!HHHHHH")
_QUESTION = Packed("!HH")
_RECORD = Packed("!HHIH")
_OPTION = Packed("!HH")

RESPONSE = 0x8000
OPCODE = 0x7800
RECURSION_DESIRED = 0x0100
CHECKING_DISABLED = 0x0010
KEPT = OPCODE | RECURSION_DESIRED | CHECKING_DISABLED
"""Flags that an answer repeats (RFC 1035 section 4.1.1; RFC 4035 section 3.1.6 for CD)."""
DNSSEC_OK = 0x8000

_LABEL = 63
_NAME = 255


class Edns(Struct, frozen=True, gc=False):
    """What an OPT record says: the longest answer its sender takes over UDP (bytes), and its flags. `bare`: without options."""

    size: int
    version: int
    dnssec_ok: bool
    bare: bool


class Query(Struct, frozen=True, gc=False):
    """`labels` are in lower case, without the root; `question` holds them as they were sent, type and class behind them."""

    id: int
    flags: int
    labels: tuple[str, ...]
    question: bytes
    kind: int
    clas: int
    edns: Edns | None

    @property
    def size(self) -> int:
        """The longest answer over UDP, in bytes: what was asked for, and never more than `DNS_UDP_BYTES`."""
        return limits.DNS_PLAIN_BYTES if self.edns is None else min(self.edns.size, limits.DNS_UDP_BYTES)


class Fault(Struct, frozen=True, gc=False):
    """A query that is answered with a header alone."""

    id: int
    flags: int
    code: int


class _Malformed(Exception):
    pass


def read(data: bytes) -> Query | Fault | None:
    if len(data) < HEADER.size:
        return None
    id, flags, questions, *others = HEADER.unpack_from(data)
    if flags & RESPONSE:
        return None
    if flags & OPCODE:
        return Fault(id, flags, NOTIMP)
    if questions != 1:
        return Fault(id, flags, FORMERR)
    try:
        labels, end = _name(data, HEADER.size)
        kind, clas = _QUESTION.unpack_from(data, end)
        end += _QUESTION.size
        edns = _edns(data, end, sum(others))
    except (_Malformed, IndexError, struct.error):
        return Fault(id, flags, FORMERR)
    return Query(id, flags, labels, data[HEADER.size : end], kind, clas, edns)


def _name(data: bytes, at: int) -> tuple[tuple[str, ...], int]:
    """The labels of the question's name, and where it ends. Nothing stands before it that a pointer could point to."""
    labels = []
    start = at
    while length := data[at]:
        if length > _LABEL:
            raise _Malformed
        at += 1 + length
        if at - start >= _NAME:
            raise _Malformed
        labels.append(data[at - length : at].lower().decode("latin-1"))
    return tuple(labels), at + 1


def _edns(data: bytes, at: int, records: int) -> Edns | None:
    """The OPT record among the `records` behind the question; more than one is a fault (RFC 6891 section 6.1.1)."""
    found = None
    for _ in range(records):
        root = data[at] == 0
        at = _after_name(data, at)
        kind, size, ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size + length
        if kind == OPT:
            if found is not None or not root:
                raise _Malformed
            _check_options(data[at - length : at], length)
            # "Values lower than 512 MUST be treated as equal to 512" (section 6.2.3).
            most = max(size, limits.DNS_PLAIN_BYTES)
            found = Edns(most, ttl >> 16 & 0xFF, bool(ttl & DNSSEC_OK), length == 0)
    if at != len(data):
        raise _Malformed
    return found


def _after_name(data: bytes, at: int) -> int:
    while length := data[at]:
        if length > _LABEL:
            return at + 2  # a pointer; where it leads does not matter to us
        at += 1 + length
    return at + 1


def _check_options(data: bytes, length: int) -> None:
    """Options are ignored, known or not (section 6.1.2), but they must be options."""
    at = 0
    while at < length:
        at += _OPTION.size + _OPTION.unpack_from(data, at)[1]
    if at != length or len(data) != length:
        raise _Malformed
