"""A round of following: read both sides, decide, do it. Nothing is remembered between rounds but what was sent last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from muster.client.errors import Refused
from muster.client.http import Answer, Request, Requests, part
from muster.model import limits
from muster.wire.answers import Services
from muster.wire.view import InstanceList, InstanceView

from .comparing import Difference, differences
from .copying import Body, Present, Steps, body, steps
from .foreign import Away
from .source import ORIGIN, UNREADABLE, Listing, Source

T = TypeVar("T")

_services = msgspec.json.Decoder(Services)
_instances = msgspec.json.Decoder(InstanceList)
READ_NAMESPACE: Final = "default"
"""What a registry of ours shows of itself in the dialects that are followed: one that keeps copies in another may follow itself."""


class Round(Struct, frozen=True):
    """What a round came to. `refused`: registrations that the registry would not have, with its reason."""

    copies: int
    registered: int
    removed: int
    moved: tuple[str, ...]
    refused: tuple[str, ...]
    skipped: tuple[str, ...]


class Itself(Exception):
    """What is followed is the registry that follows. Each of its instances would be listed twice, under two ids."""


class Follower:
    """`requests` go to the registry here, to this `namespace`; `ttl` (s) is that of copies."""

    def __init__(
        self, source: Source, requests: Requests, ttl: float, namespace: str = READ_NAMESPACE
    ) -> None:
        self._source = source
        self._requests = requests
        self._ttl = ttl
        self._namespace = namespace
        self._distinct = False
        self._sent: dict[str, Body] = {}

    def follow(self) -> Round:
        """Raises `Itself`, `Away` after renewing what was copied before, and what the registry's client raises."""
        here = {view.instance_id: present(view) for view in self._here()}
        try:
            listing = self._listing()
        except Exception:
            self._renew(tuple(id for id, one in here.items() if one.origin == self._source.origin))
            raise
        theirs = {
            id: body(instance, self._source.origin, self._ttl) for id, instance in listing.instances.items()
        }
        return self._do(steps(theirs, here, self._sent, self._source.origin), listing)

    def compare(self) -> list[Difference]:
        """Raises `Itself`, `Away`, and what the registry's client raises."""
        there: defaultdict[str, set[str]] = defaultdict(set)
        here: defaultdict[str, set[str]] = defaultdict(set)
        for instance in self._listing().instances.values():
            there[instance.service].add(f"{instance.host}:{instance.port}")
        for service in there:
            for view in self._instances(service, usable=True):
                here[service].add(f"{view.host}:{view.port}")
        return differences(
            {service: frozenset(found) for service, found in there.items()},
            {service: frozenset(found) for service, found in here.items()},
        )

    def _listing(self) -> Listing:
        listing = self._source.read()
        if not self._distinct and self._namespace == READ_NAMESPACE:
            ours = _read(_services, self._requests.send(Request("GET", "/services"))).epoch
            if self._source.epoch() == ours:
                raise Itself(
                    f"{self._source.origin} is the registry that would follow it, or a replica of it"
                )
        self._distinct = True
        return listing

    def _do(self, decided: Steps, listing: Listing) -> Round:
        refused = [
            why for id, description in decided.register.items() if (why := self._register(id, description))
        ]
        for id in decided.remove:
            self._send(Request("DELETE", f"/instances/{part(id)}"))
            self._sent.pop(id, None)
        self._renew(decided.renew)
        return Round(
            copies=len(decided.register) + len(decided.renew) - len(refused),
            registered=len(decided.register) - len(refused),
            removed=len(decided.remove),
            moved=decided.moved,
            refused=tuple(refused),
            skipped=listing.skipped,
        )

    def _register(self, id: str, description: Body) -> str:
        """Why not, or "". It is tried again in the next round."""
        try:
            self._requests.send(Request("POST", "/register", body=description))
        except Refused as refused:
            return f"{id}: {refused.field or refused.code}: {refused.detail}"
        self._sent[id] = description
        return ""

    def _renew(self, ids: tuple[str, ...]) -> None:
        for start in range(0, len(ids), limits.HEARTBEATS_PER_BATCH):
            some = ids[start : start + limits.HEARTBEATS_PER_BATCH]
            beats = {"heartbeats": [{"instance_id": id} for id in some]}
            self._requests.send(Request("POST", "/heartbeats", body=beats))

    def _send(self, request: Request) -> None:
        """What is gone already need not go again."""
        try:
            self._requests.send(request)
        except Refused as refused:
            if refused.status != 404:
                raise

    def _here(self) -> Iterator[InstanceView]:
        listed = _read(_services, self._requests.send(Request("GET", "/services")))
        for summary in listed.services:
            yield from self._instances(summary.service)

    def _instances(self, service: str, *, usable: bool = False) -> tuple[InstanceView, ...]:
        query = {} if usable else {"all": 1}
        try:
            answer = self._requests.send(Request("GET", f"/services/{part(service)}/instances", query))
        except Refused as refused:
            if refused.status == 404:
                return ()
            raise
        return _read(_instances, answer).instances


def present(view: InstanceView) -> Present:
    return Present(view.metadata.get(ORIGIN, ""), (view.service, view.host, view.port))


def _read(decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
    try:
        return decoder.decode(answer.body)
    except UNREADABLE as error:
        raise Away(f"{answer.registry.url} does not answer as a registry does: {error}") from None
