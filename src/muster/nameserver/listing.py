"""The records that stand for instances: addresses, an alias, SRV with the addresses of its targets, texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from muster.core.state import Entry

from . import choice, names, records
from .answer import Answer
from .ask import EVERYBODY, Selector
from .codes import AAAA, ANY, CNAME, SRV, TXT, A
from .zone import Zone

_NAMELESS = b""


class Listing(Struct, frozen=True):
    """Instances under one name, and the weight of each for SRV. `labels`: all those of the service, by label. `alone`: the name is
    that of an instance or a host, so what it says of itself is shown too."""

    zone: Zone
    entries: Sequence[Entry]
    weights: Sequence[int]
    ttl: int
    labels: Mapping[str, Sequence[Entry]]
    where: Selector = EVERYBODY
    alone: bool = False

    def answer(self, kind: int) -> Answer | None:
        """None: the name has no records of this type."""
        make = _MAKERS.get(kind)
        answer = make(self) if make is not None else None
        return answer if answer is not None and answer.records else None

    @property
    def hosts(self) -> list[str]:
        return list(dict.fromkeys(entry.record.instance.host for entry in self.entries))

    def v4(self) -> Answer:
        return self._addresses(4) or self.alias()

    def v6(self) -> Answer:
        return self._addresses(6) or self.alias()

    def _addresses(self, version: int) -> Answer | None:
        """None: nobody here has an address."""
        found = [address for host in self.hosts if (address := names.address_of(host)) is not None]
        if not found:
            return None
        return Answer(
            records=tuple(
                records.address(records.ASKED, address, self.ttl)
                for address in found
                if address.version == version
            )
        )

    def alias(self) -> Answer:
        """Instances that are registered by name. A name has one alias at most (RFC 2181 section 10.1), and nothing beside it
        (RFC 1034 section 3.6.2): so they take turns, and only where nobody has an address. SRV names them all."""
        if any(names.address_of(host) is not None for host in self.hosts):
            return Answer()
        return Answer(records=tuple(records.alias(host, self.ttl) for host in self.hosts), one=True)

    def services(self) -> Answer:
        rows = list(map(self._service, self.entries, self.weights))
        return Answer(
            records=tuple(record for found, _ in rows for record in found),
            glue=tuple(glue for found, glue in rows for _ in found),
        )

    def _service(self, entry: Entry, weight: int) -> tuple[list[bytes], bytes]:
        """The SRV records of an instance, and the address of their target, if that is one of our names."""
        host = entry.record.instance.host
        address = names.address_of(host)
        if address is None:
            target, glue = names.wire(names.of_text(host)), _NAMELESS
        else:
            target = self.zone.target(entry.service, self._label(entry), address)
            glue = records.address(_NAMELESS, address, self.ttl)
        return [
            records.service(weight, endpoint.port, target, self.ttl)
            for endpoint in choice.ports(entry, self.where)
        ], glue

    def _label(self, entry: Entry) -> str:
        """Of the id, if nobody else has it: HAProxy gives each address of the additional section to one server only, so those on
        one host need names of their own. Otherwise of the address, as CoreDNS does."""
        own = names.label_of(entry.id)
        return own if self.labels.get(own) == [entry] else names.dashed(entry.record.instance.host)

    def texts(self) -> Answer:
        if not self.alone:
            return Answer()
        pairs = [pair for entry in self.entries for pair in entry.record.instance.metadata.items()]
        return Answer(records=tuple(records.attributes(pairs, self.ttl)))

    def minimal(self) -> Answer:
        return Answer(records=(records.minimal(self.ttl),))


_MAKERS: dict[int, Callable[[Listing], Answer]] = {
    A: Listing.v4,
    AAAA: Listing.v6,
    CNAME: Listing.alias,
    SRV: Listing.services,
    TXT: Listing.texts,
    ANY: Listing.minimal,
}
SHOWN = frozenset(_MAKERS)
"""Types that instances can have records of."""
