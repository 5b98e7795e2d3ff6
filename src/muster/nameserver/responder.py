"""From the bytes of a query to the bytes of its answer. No I/O: both transports ask here."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from random import Random

from .answer import Answer, compose, fault
from .codes import (
    BADVERS,
    CLASSES,
    OTHER_TYPE,
    RCODES,
    REFUSED,
    SERVFAIL,
    TRANSFERS,
    TYPES,
)
from .memo import Known, Memo, turns
from .query import Fault, Query, read
from .resolver import Resolved, Resolver

log = logging.getLogger("muster.dns")

ID_BYTES = 2
NO_TYPE = 0
"""The type of a query that could not be read."""

_TCP_BYTES = 0xFFFF


class Responder:
    """`rng` says where a rotation begins."""

    def __init__(self, resolver: Resolver, rng: Random) -> None:
        self._resolver = resolver
        self._rng = rng
        self.memo = Memo()
        self._known = self.memo.known

    def datagram(self, data: bytes) -> bytes | None:
        """The answer over UDP, no longer than the query says; None: there is none to give. Hot: 100,000 a second."""
        known = self._known.get(data[ID_BYTES:])
        if known is not None:
            known.hits += 1
            return data[:ID_BYTES] + next(known.packets)
        query = read(data)
        if not isinstance(query, Query):
            return self._unread(query)
        resolved = self._resolve(query)
        turn = self._turn(resolved.answer)
        self.memo.count((query.kind, resolved.answer.code))
        if resolved.service is not None and _repeats(query, resolved.answer):
            packets = self._packets(query, resolved.answer, turn)
            outcome = (query.kind, resolved.answer.code)
            self.memo.keep(data[ID_BYTES:], Known(packets, resolved.service, outcome))
            return data[:ID_BYTES] + next(packets)
        return compose(query, resolved.answer, query.size, turn)

    def message(self, data: bytes) -> bytes | None:
        """The answer over TCP."""
        query = read(data)
        if not isinstance(query, Query):
            return self._unread(query)
        answer = self._resolve(query).answer
        self.memo.count((query.kind, answer.code))
        return compose(query, answer, _TCP_BYTES, self._turn(answer))

    def queries(self) -> Counter[tuple[str, str]]:
        """Answers by type and code, by name."""
        named = Counter[tuple[str, str]]()
        for (kind, code), number in self.memo.counts().items():
            named[TYPES.get(kind, OTHER_TYPE), RCODES[code]] += number
        return named

    def _unread(self, unread: Fault | None) -> bytes | None:
        if unread is None:
            return None
        self.memo.count((NO_TYPE, unread.code))
        return fault(unread)

    def _resolve(self, query: Query) -> Resolved:
        if query.edns is not None and query.edns.version:
            return Resolved(Answer(BADVERS, authoritative=False))
        if query.clas not in CLASSES or query.kind in TRANSFERS:
            return Resolved(Answer(REFUSED, authoritative=False))
        try:
            return self._resolver.resolve(query.labels, query.kind)
        except Exception:
            log.exception("bug while answering %r", query.question)
            return Resolved(Answer(SERVFAIL, authoritative=False))

    def _turn(self, answer: Answer) -> int:
        return self._rng.randrange(answer.turns) if answer.turns > 1 else 0

    def _packets(self, query: Query, answer: Answer, turn: int) -> Iterator[bytes]:
        """Without the id."""
        size = query.size
        return turns(turn, answer.turns, lambda n: compose(query, answer, size, n)[ID_BYTES:])


def _repeats(query: Query, answer: Answer) -> bool:
    """Whether the same bytes will come again: options (a cookie, a subnet) differ from client to client. Absent names are too
    many to remember, and cheap to answer."""
    return bool(answer.records) and (query.edns is None or query.edns.bare)
