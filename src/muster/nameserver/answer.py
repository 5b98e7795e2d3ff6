"""An answer before anybody asked for it, and its composition with a question into a packet that is no longer than allowed.

An `Answer` is made once per change of a service. What differs from query to query is added here: the id and flags, the question
as it was spelt, the turn of the rotation, and how much fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct as Packed

from msgspec import Struct

from muster.model import limits

from .codes import NOERROR, OPT
from .query import DNSSEC_OK, HEADER, KEPT, RESPONSE, Edns, Fault, Query
from .records import TARGET

_OPT = Packed("!BHHBBHH")
_EXTENDED_ERROR = Packed("!HHH")
_POINTER = Packed("!H")
_POINTER_BITS = 0xC000
_POINTER_REACH = 0x3FFF

AUTHORITATIVE = 0x0400
TRUNCATED = 0x0200


class Answer(Struct, frozen=True, gc=False):
    """`records` are whole, owned by the name asked for. `glue`: for each of them the address of its target, without the owner;
    b"" where there is none. `authority` and `extra` are whole records. `one`: whoever asks gets a single record, in turn.
    `extended`: an extended error (RFC 8914), for those who speak EDNS."""

    code: int = NOERROR
    records: tuple[bytes, ...] = ()
    glue: tuple[bytes, ...] = ()
    authority: tuple[bytes, ...] = ()
    extra: tuple[bytes, ...] = ()
    one: bool = False
    authoritative: bool = True
    extended: int | None = None

    @property
    def turns(self) -> int:
        """How many rotations there are."""
        return max(len(self.records), 1)


def fault(unread: Fault) -> bytes:
    """A header alone: what could not be read is not repeated."""
    return HEADER.pack(unread.id, RESPONSE | unread.flags & KEPT | unread.code, 0, 0, 0, 0)


def compose(query: Query, answer: Answer, most: int, turn: int = 0) -> bytes:
    """The packet, at most `most` bytes long. `turn` says which of the records comes first.

    If not all records fit, TC asks to come again over TCP; missing glue is no reason to (RFC 2181 section 9).
    """
    opt = _opt(query.edns, answer)
    start = HEADER.size + len(query.question)
    room = most - start - len(opt)
    records = _in_turn(answer.records, turn % answer.turns, answer.one)
    taken, room = _fitting(records, room)
    cut = len(taken) < len(records)
    glue: Sequence[bytes] = ()
    if answer.glue and not cut:
        glue, room = _fitting(_glue(taken, _in_turn(answer.glue, turn % answer.turns), start), room)
    authority, room = _fitting(answer.authority, room)
    extra, room = _fitting(answer.extra, room)
    additional = [*glue, *extra, opt] if opt else [*glue, *extra]
    flags = RESPONSE | query.flags & KEPT | answer.code & 0xF
    flags |= AUTHORITATIVE if answer.authoritative else 0
    flags |= TRUNCATED if cut else 0
    head = HEADER.pack(query.id, flags, 1, len(taken), len(authority), len(additional))
    return b"".join((head, query.question, *taken, *authority, *additional))


def _in_turn(parts: tuple[bytes, ...], first: int, one: bool = False) -> tuple[bytes, ...]:
    if one:
        return parts[first : first + 1]
    return parts[first:] + parts[:first] if first else parts


def _fitting(parts: Sequence[bytes], room: int) -> tuple[Sequence[bytes], int]:
    """The first of the parts that have room together, and the room that is left."""
    whole = sum(map(len, parts))
    if whole <= room:
        return parts, room - whole
    for count, part in enumerate(parts):
        if len(part) > room:
            return parts[:count], room
        room -= len(part)
    return parts, room


def _glue(records: Sequence[bytes], addresses: Sequence[bytes], at: int) -> list[bytes]:
    """The address of each target once, owned by a pointer to where the record from `at` on names it."""
    found: dict[bytes, bytes] = {}
    for record, address in zip(records, addresses, strict=True):
        target = record[TARGET:]
        if address and target not in found:
            place = at + TARGET
            owner = _POINTER.pack(_POINTER_BITS | place) if place <= _POINTER_REACH else target
            found[target] = owner + address
        at += len(record)
    return list(found.values())


def _opt(edns: Edns | None, answer: Answer) -> bytes:
    """Our OPT record, only for those who sent one (RFC 6891 section 6.1.1). DO comes back as it was sent (RFC 3225)."""
    if edns is None:
        return b""
    options = b""
    if answer.extended is not None:
        options = _EXTENDED_ERROR.pack(15, 2, answer.extended)
    flags = DNSSEC_OK if edns.dnssec_ok else 0
    head = _OPT.pack(0, OPT, limits.DNS_UDP_BYTES, answer.code >> 4, 0, flags, len(options))
    return head + options
