"""Whose name it is: one of our zones', a reverse name, or somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from muster.core.state import ServiceKey

from . import names, records, reverse
from .answer import Answer
from .ask import OfService
from .codes import NOERROR, NOT_AUTHORITATIVE, NXDOMAIN, PTR, REFUSED
from .inzone import InZone, World
from .zone import Zone

FOREIGN = Answer(REFUSED, authoritative=False, extended=NOT_AUTHORITATIVE)
"""We are no resolver: what lies outside our zones is not ours to answer."""


class Resolved(Struct, frozen=True, gc=False):
    """`service`: the one whose next change makes the answer void. None: the answer is not to be kept."""

    answer: Answer
    service: ServiceKey | None = None


class Resolver:
    """`home`: the zone that reverse names point into."""

    def __init__(self, world: World, zones: Sequence[Zone], home: Zone) -> None:
        self._world = world
        self._zones = {zone.labels: InZone(world, zone) for zone in zones}
        self._home = home

    def resolve(self, labels: tuple[str, ...], kind: int) -> Resolved:
        for at in range(len(labels)):
            inside = self._zones.get(labels[at:])
            if inside is not None:
                ask = inside.zone.ask(labels[:at])
                answer = inside.answer(ask, kind)
                return Resolved(answer, ask.service if isinstance(ask, OfService) else None)
        return Resolved(self._reverse(labels, kind))

    def _reverse(self, labels: tuple[str, ...], kind: int) -> Answer:
        """Private addresses are local to whoever asks, so we may say that one is not there; of others we know ours alone."""
        address = reverse.address_of(labels)
        found = sorted(set(self._names_of(address))) if address is not None else []
        zone = reverse.local_zone(labels)
        if found and kind == PTR:
            return Answer(records=tuple(records.pointer(name, self._world.ttl) for name in found))
        if zone is None:
            return Answer() if found else FOREIGN
        origin = names.wire(zone)
        soa = records.authority(
            origin, origin, b"\2ns" + origin, self._world.registry.revision, self._world.ttl
        )
        exists = bool(found) or reverse.may_continue(labels)
        return Answer(NOERROR if exists else NXDOMAIN, authority=(soa,))

    def _names_of(self, address: names.Address) -> Iterable[tuple[str, ...]]:
        for key in self._world.directory.at_host(str(address)):
            entry = self._world.registry.entry(key)
            if entry is None or not entry.discoverable:
                continue
            namespace, service = entry.service
            if max(len(namespace), len(service)) <= names.LABEL_BYTES:
                yield (names.dashed(str(address)), service, namespace, "svc", *self._home.labels)
