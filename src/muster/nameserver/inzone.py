"""Answers in one zone: what each thing that can be asked for says, and how the zone says that there is nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import assert_never

from msgspec import Struct

from muster.core.state import Entry, View
from muster.model import limits
from muster.model.policy import DEFAULT, Policy
from muster.registry.policies import PolicyEntry
from muster.registry.registry import Registry
from muster.wire import filters
from muster.wire import policy as policies

from . import choice, names, records, shares
from .answer import Answer
from .ask import (
    DEFAULT_NAMESPACE,
    EVERYBODY,
    Absent,
    Apex,
    Ask,
    Between,
    Nameserver,
    OfAddress,
    OfNamespace,
    OfNode,
    OfService,
    Selector,
    Text,
)
from .codes import AAAA, ANY, NOERROR, NOT_READY, NS, NXDOMAIN, SERVFAIL, SOA, TXT, A
from .directory import Directory
from .listing import SHOWN, Listing
from .zone import Zone

UNSETTLED = Answer(SERVFAIL, authoritative=False, extended=NOT_READY)
"""A registry that has lost its records does not know that a service is absent: its instances may be about to come back."""


class World(Struct, frozen=True):
    """What answers are made from. `address`: where we listen, if that is one address; `ttl` is in seconds."""

    registry: Registry
    directory: Directory
    address: names.Address | None
    ttl: int


class InZone(Struct, frozen=True):
    world: World
    zone: Zone

    def answer(self, ask: Ask, kind: int) -> Answer:
        match ask:
            case OfService():
                return self._service(ask, kind)
            case OfNode(namespace, name):
                return self._node(self.world.directory.on_node(namespace, name), kind)
            case OfAddress(address):
                return self._address(address, kind)
            case OfNamespace(name):
                return self._nothing(exists=self.world.directory.namespace_exists(name))
            case Apex():
                return self._apex(kind)
            case Nameserver():
                return (
                    self._nothing() if self.world.address is None else self._address(self.world.address, kind)
                )
            case Text(text):
                return self._only(TXT, kind, records.texts([text], self.world.ttl))
            case Between():
                return self._nothing()
            case Absent():
                return self._nothing(exists=False)
        assert_never(ask)

    # --- Services ---------------------------------------------------------------------------------------------------

    def _service(self, ask: OfService, kind: int) -> Answer:
        registry = self.world.registry
        snapshot = registry.snapshot(ask.service)
        if not snapshot.exists:
            return UNSETTLED if self._may_come_back(ask) else self._nothing(exists=False)
        view = snapshot.view(filters.DEFAULT)
        policy = registry.policies.get(ask.service)
        made = view.once("dns", dict[Hashable, Answer])
        key = (self.zone, ask.where, kind if kind in SHOWN else 0, policy.revision if policy else 0)
        if key not in made:
            if len(made) >= limits.DNS_ANSWERS:
                del made[next(iter(made))]
            made[key] = self._listed(ask, view, kind, policy)
        return made[key]

    def _may_come_back(self, ask: OfService) -> bool:
        """Whether it is too early to say that there is no such service. Names that search lists make of foreign ones
        (`example.com.default.svc...`) are no services of ours at any time, and resolvers wait for their answer."""
        world, namespace = self.world, ask.service.namespace
        ours = namespace == DEFAULT_NAMESPACE or world.directory.namespace_exists(namespace)
        return ours and not ask.where.label and not world.registry.settled

    def _listed(self, ask: OfService, view: View, kind: int, policy: PolicyEntry | None) -> Answer:
        rules = policies.decode(policy.document) if policy and policy.document else DEFAULT
        entries = self._entries(ask.where, view, rules)
        if not entries:
            return self._nothing(exists=self.zone.empty_exists and ask.where == EVERYBODY)
        weights = shares.weights(entries, ask.where, rules)
        listing = Listing(
            self.zone,
            *_weighted(entries, weights),
            self.world.ttl,
            _labels(view),
            ask.where,
            alone=bool(ask.where.label),
        )
        return listing.answer(kind) or self._nothing()

    def _entries(self, where: Selector, view: View, rules: Policy) -> Sequence[Entry]:
        if where.label:
            return _labels(view).get(where.label, ())
        return choice.chosen(view.entries, where, rules.panic_threshold)

    # --- Everything else --------------------------------------------------------------------------------------------

    def _node(self, keys: Iterable[str], kind: int) -> Answer:
        known = (self.world.registry.entry(key) for key in sorted(keys))
        entries = [entry for entry in known if entry is not None and entry.discoverable]
        if not entries:
            return self._nothing(exists=False)
        weights = shares.weights(entries, EVERYBODY, DEFAULT)
        listing = Listing(self.zone, entries, weights, self.world.ttl, {}, alone=True)
        return listing.answer(kind) or self._nothing()

    def _address(self, address: names.Address, kind: int) -> Answer:
        record = records.address(records.ASKED, address, self.world.ttl)
        return self._only(A if address.version == 4 else AAAA, kind, record)

    def _apex(self, kind: int) -> Answer:
        if kind == SOA:
            return Answer(records=(self._soa(records.ASKED),))
        extra = () if self.world.address is None else (self._glue(self.world.address),)
        return self._only(NS, kind, records.nameserver(self.zone.nameserver, self.world.ttl), extra)

    def _glue(self, address: names.Address) -> bytes:
        return records.address(self.zone.nameserver, address, self.world.ttl)

    def _only(self, has: int, kind: int, record: bytes, extra: tuple[bytes, ...] = ()) -> Answer:
        """The answer of a name that has one record."""
        if kind == has:
            return Answer(records=(record,), extra=extra)
        return Answer(records=(records.minimal(self.world.ttl),)) if kind == ANY else self._nothing()

    def _nothing(self, *, exists: bool = True) -> Answer:
        """A negative answer: the name has no such records, or is not there at all; with the SOA (RFC 2308 section 2)."""
        return Answer(NOERROR if exists else NXDOMAIN, authority=(self._soa(self.zone.origin),))

    def _soa(self, owner: bytes) -> bytes:
        zone, world = self.zone, self.world
        return records.authority(owner, zone.origin, zone.nameserver, world.registry.revision, world.ttl)


def _weighted(entries: Sequence[Entry], weights: Sequence[int]) -> tuple[Sequence[Entry], Sequence[int]]:
    """Without those that are to have nothing, unless all are."""
    some = [pair for pair in zip(entries, weights, strict=True) if pair[1]]
    return ([entry for entry, _ in some], [weight for _, weight in some]) if some else (entries, weights)


def _labels(view: View) -> Mapping[str, Sequence[Entry]]:
    return view.once("dns labels", lambda: choice.by_label(view.entries))
