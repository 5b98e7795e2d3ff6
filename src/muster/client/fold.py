"""The two parts a mirror is made of: what the present stream gave of a service, and what is kept from an earlier history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from muster.model import limits
from muster.wire import view
from muster.wire.events import RemoveEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView

from . import credible, endpoint
from .endpoint import Endpoint
from .sharing import Parts

ServiceEvent = SnapshotEvent | UpsertEvent | RemoveEvent


class Given:
    """One service as the present stream tells it. `whole`: not in the middle of a state. `complete`: it was told at all. `wrong`:
    id -> why, of what the last state told and nobody may call (`credible.py`); it counts in the digest all the same."""

    __slots__ = (
        "_group",
        "_passed_over",
        "_past",
        "_shared",
        "_size",
        "complete",
        "digest",
        "endpoints",
        "exists",
        "revision",
        "wrong",
    )

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self._past: dict[str, Endpoint] = {}
        self._shared = Parts()
        self.clear()

    def clear(self) -> None:
        """What was given is not so any more; most of it will be given again."""
        self._past = self.endpoints or self._past
        self.endpoints = {}
        self._passed_over: dict[str, InstanceView] = {}
        self.wrong: dict[str, str] = {}
        self.revision = 0
        self.exists = False
        self.digest = 0
        self.complete = False
        self.drop_group()

    def drop_group(self) -> None:
        """The stream broke: the state it was in the middle of never happened."""
        self._group: list[ServiceEvent] = []
        self._size = 0

    @property
    def whole(self) -> bool:
        return not self._group

    def gather(self, event: ServiceEvent) -> list[ServiceEvent] | str:
        """The events of a finished state, an empty list while more is to come, or what is wrong."""
        if not self.complete and not (self._group or isinstance(event, SnapshotEvent)):
            return f"a change of {event.service} before its snapshot"
        if not isinstance(event, RemoveEvent):
            event = self._shared.event(event, self.endpoints or self._past)
        self._group.append(event)
        self._size += len(event.instances)
        if max(self._size, len(self.endpoints) + len(self._passed_over)) > 2 * limits.INSTANCES_PER_SERVICE:
            return f"{event.service} has more instances than a service can hold"
        if event.more:
            return []
        group = self._group
        self.drop_group()
        return group

    def apply(self, group: Sequence[ServiceEvent]) -> bool:
        """False: it was known already. A snapshot counts even so, for it may mend what had diverged."""
        revision = group[-1].revision
        anew = isinstance(group[0], SnapshotEvent)
        if revision < self.revision or (revision == self.revision and not anew):
            return False
        if anew:
            self.endpoints, self._passed_over, self.digest = {}, {}, 0
        self.wrong = {}
        for event in group:
            self._fold(event)
        self._past = {}
        self.revision = revision
        self.complete = True
        return True

    def _fold(self, event: ServiceEvent) -> None:
        match event:
            case SnapshotEvent():
                self.exists = event.exists
                self._put(event.instances, event.service)
            case UpsertEvent():
                self.exists = True
                self._put(event.instances, event.service)
            case RemoveEvent():
                self.exists = event.exists
                for gone in event.instances:
                    self._drop(gone.instance_id)
            case _:
                assert_never(event)

    def _put(self, instances: Iterable[InstanceView], service: str) -> None:
        for instance in instances:
            id = instance.instance_id
            if why := credible.wrong(instance, service):
                self._drop(id)
                self._passed_over[id], self.wrong[id] = instance, why
            else:
                if before := self.endpoints.get(id):  # which keeps its place
                    self.digest -= _term(before.instance)
                elif self._passed_over:
                    self._drop(id)
                self.endpoints[id] = endpoint.of(credible.bounded(instance))
            self.digest += _term(instance)

    def _drop(self, id: str) -> None:
        if before := self.endpoints.pop(id, None):
            self.digest -= _term(before.instance)
        elif passed_over := self._passed_over.pop(id, None):
            self.digest -= _term(passed_over)


def _term(instance: InstanceView) -> int:
    return view.digest_term(instance.instance_id, instance.generation, instance.revision)


class Kept:
    """Endpoints of an earlier history that the present one has not told of, either way."""

    __slots__ = ("_endpoints",)

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(self._endpoints.values())

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._endpoints)

    def adopt(self, endpoints: Iterable[Endpoint]) -> None:
        self._endpoints.update((known.id, known) for known in endpoints)

    def confirm(self, given: dict[str, Endpoint]) -> None:
        """What is listed again is in doubt no more; nor is what registered where it was under another id."""
        if self._endpoints:
            addresses = {listed.address for listed in given.values()}
            self._endpoints = {
                id: known
                for id, known in self._endpoints.items()
                if id not in given and known.address not in addresses
            }

    def take_out(self, ids: Iterable[str]) -> None:
        """The registry says of these that they are gone."""
        for id in ids:
            self._endpoints.pop(id, None)

    def clear(self) -> bool:
        """True if there was anything."""
        held = bool(self._endpoints)
        self._endpoints = {}
        return held
