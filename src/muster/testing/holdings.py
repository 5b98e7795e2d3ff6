"""What a fake registry holds, and the messages it has for a reader at some revision. No I/O.

There are no leases and no checks here: an instance is what the test says it is, until the test says otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from muster.model.policy import Policy
from muster.model.record import DISCOVERABLE
from muster.wire import policy as policies
from muster.wire import view
from muster.wire.events import Event, Gone, PolicyEvent, RemoveEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView


class Departed(Struct, frozen=True):
    """An instance that was deregistered."""

    service: str
    id: str
    revision: int


class Holdings:
    """Instances by id, in one history: every change takes the next revision."""

    def __init__(self, epoch: str) -> None:
        self.clear(epoch)

    def __repr__(self) -> str:
        return f"<Holdings {len(self._views)} instances at {self.epoch}:{self.revision}>"

    def get(self, id: str) -> InstanceView | None:
        return self._views.get(id)

    def put(self, instance: InstanceView) -> InstanceView:
        """As a new registration: its generation is the revision this takes."""
        self.revision += 1
        return self._keep(replace(instance, generation=self.revision))

    def change(self, id: str, **fields: object) -> InstanceView:
        """Raises KeyError."""
        self.revision += 1
        return self._keep(replace(self._views[id], **fields))

    def drop(self, id: str) -> None:
        """Raises KeyError."""
        gone = self._views.pop(id)
        self.revision += 1
        self._departed[id] = Departed(gone.service, id, self.revision)

    def clear(self, epoch: str) -> None:
        """Another history, with nothing in it."""
        self.epoch = epoch
        self.revision = 1
        self.settled = True
        self._views: dict[str, InstanceView] = {}
        self._departed: dict[str, Departed] = {}
        self._policies: dict[str, PolicyEvent] = {}

    def steer(self, service: str, policy: Policy | None) -> PolicyEvent:
        """The service's policy from now on; what its readers are told."""
        self.revision += 1
        document = None if policy is None else policies.document(policy)
        written = self._policies[service] = PolicyEvent(service, self.revision, document)
        return written

    def policy_of(self, service: str) -> PolicyEvent | None:
        held = self._policies.get(service)
        return held if held and held.policy is not None else None

    def steered(self, services: Iterable[str]) -> list[Event]:
        """The policies that there are, for the beginning of a stream."""
        return [self._policies[service] for service in services if service in self._policies]

    def listed(self, service: str) -> tuple[InstanceView, ...]:
        """The discoverable ones."""
        return tuple(v for v in self._views.values() if v.service == service and v.status in DISCOVERABLE)

    def count(self, service: str) -> int:
        return sum(v.service == service for v in self._views.values())

    def statuses(self, service: str) -> dict[str, int]:
        """How many instances of the service have each status."""
        return Counter(view.status for view in self._views.values() if view.service == service)

    def exists(self, service: str) -> bool:
        return self.count(service) > 0

    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v.service for v in self._views.values()))

    def revision_of(self, service: str) -> int:
        """That of its last change."""
        known: tuple[InstanceView | Departed, ...] = (*self._views.values(), *self._departed.values())
        return max((one.revision for one in known if one.service == service), default=0)

    def digest(self, services: Iterable[str]) -> str:
        listed = (v for service in services for v in self.listed(service))
        terms = (view.digest_term(v.instance_id, v.generation, v.revision) for v in listed)
        return f"{view.digest(terms):016x}"

    def snapshots(self, services: Sequence[str], page: int) -> list[Event]:
        return [event for service in services for event in self._pages(service, page)]

    def since(self, revision: int, services: Sequence[str]) -> list[Event]:
        """What a reader that stands at `revision` has to be told."""
        return [event for service in services for event in self._state(service, revision)]

    def _keep(self, instance: InstanceView) -> InstanceView:
        self._departed.pop(instance.instance_id, None)
        kept = self._views[instance.instance_id] = replace(instance, revision=self.revision)
        return kept

    def _pages(self, service: str, page: int) -> list[Event]:
        listed = self.listed(service)
        pages = [listed[at : at + page] for at in range(0, len(listed), page)] or [()]
        return [
            SnapshotEvent(
                service=service,
                revision=self.revision_of(service),
                exists=self.exists(service),
                settled=self.settled,
                instances=part,
                more=number < len(pages),
            )
            for number, part in enumerate(pages, 1)
        ]

    def _state(self, service: str, after: int) -> list[Event]:
        mine = [v for v in self._views.values() if v.service == service and v.revision > after]
        put = tuple(v for v in mine if v.status in DISCOVERABLE)
        gone = [Gone(v.instance_id, v.status) for v in mine if v.status not in DISCOVERABLE]
        left = [d for d in self._departed.values() if d.service == service and d.revision > after]
        gone += [Gone(d.id, "removed") for d in left]
        at = self.revision_of(service)
        events: list[Event] = []
        if put:
            events.append(UpsertEvent(service, at, put, more=bool(gone)))
        if gone:
            events.append(RemoveEvent(service, at, tuple(gone), exists=self.exists(service)))
        return events
