"""Builders: instances, and the events a registry tells of them."""

from collections.abc import Iterable
from typing import Any

from muster.client.mirror import Mirrors, Step
from muster.model.instance import Endpoint
from muster.wire import view
from muster.wire.events import AliveEvent, Event, Gone, RemoveEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView

EPOCH, OTHER = "e1", "e2"


def web(number: int, revision: int = 10, **fields: Any) -> InstanceView:
    """`web-1` at 10.0.0.1:8080, registered and last changed at `revision`."""
    given = dict[str, Any](
        instance_id=f"web-{number}",
        service="web",
        host=f"10.0.0.{number}",
        port=8080,
        endpoints=(Endpoint("default", 8080, "http"),),
        status="healthy",
        generation=revision,
        revision=revision,
    )
    return InstanceView(**given | fields)


def snapshot(revision: int, *instances: InstanceView, service: str = "web", **fields: Any) -> SnapshotEvent:
    given = {"exists": bool(instances), "settled": True} | fields
    return SnapshotEvent(service=service, revision=revision, instances=instances, **given)


def upsert(revision: int, *instances: InstanceView, more: bool = False) -> UpsertEvent:
    return UpsertEvent("web", revision, instances, more=more)


def remove(revision: int, *ids: str, exists: bool = True, more: bool = False) -> RemoveEvent:
    return RemoveEvent("web", revision, tuple(Gone(id, "removed") for id in ids), exists=exists, more=more)


def alive(
    revision: int, instances: Iterable[InstanceView] = (), *, settled: bool = True, age_ms: int = 0
) -> AliveEvent:
    """With the digest of `instances`."""
    terms = (view.digest_term(i.instance_id, i.generation, i.revision) for i in instances)
    return AliveEvent(revision, f"{view.digest(terms):016x}", settled, age_ms)


class Reader:
    """Mirrors, a clock, and what has been published to readers so far."""

    def __init__(self, *services: str) -> None:
        self.mirrors = Mirrors(services or ("web",))
        self.now = 0.0

    def opened(self, epoch: str = EPOCH) -> "Reader":
        self.mirrors.opened(epoch)
        return self

    def hear(self, *events: Event, mark: int = 0, epoch: str = EPOCH) -> Step | None:
        """One read: the events in order, the low-water mark on the last, then whatever there is to publish."""
        step = None
        for number, event in enumerate(events, 1):
            id = f"{epoch}:{mark}" if mark and number == len(events) else ""
            step = step or self.mirrors.receive(event, id, self.now)
        self.published = {one.service: one for one in self.mirrors.publish(self.now)}
        return step

    @property
    def ids(self) -> list[str] | None:
        """Of what was published by the last read; None: nothing was."""
        if "web" not in self.published:
            return None
        return [endpoint.id for endpoint in self.published["web"].endpoints]

    @property
    def doubted(self) -> set[str]:
        return set(self.published["web"].unconfirmed)
