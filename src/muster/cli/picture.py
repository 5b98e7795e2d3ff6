"""What a spectator has been shown so far, and what each further event changes in it, in words. Pure."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from muster.wire.events import Event, Gone, RemoveEvent, ResetEvent, ResumedEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceView

from .text import shown

Kind = Literal["+", "~", "-", "!", "."]


class Line(NamedTuple):
    """`kind`: come, changed, gone, warning, remark. `text` is safe to show."""

    kind: Kind
    service: str
    text: str


TOLD: Final = ("status", "overdue", "host", "port", "zone", "region", "version", "deployment_group", "weight")
"""Fields whose change is shown with its values; of others only that they changed."""


class Picture:
    """The instances shown, by service and id."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, InstanceView]] = {}
        self._page: dict[str, dict[str, InstanceView]] = {}
        """Snapshots of which pages are still to come."""

    def __repr__(self) -> str:
        return f"<Picture of {len(self._services)} services>"

    def note(self, event: Event) -> list[Line]:
        """The lines that tell the event; none for those that change nothing."""
        match event:
            case SnapshotEvent():
                return self._snapshot(event)
            case UpsertEvent(service, _, instances):
                return [self._put(service, view) for view in instances]
            case RemoveEvent(service, _, instances):
                return [self._remove(service, gone) for gone in instances]
            case ResetEvent(_, reason):
                return [Line("!", "", f"the registry's history is another one now: {shown(reason)}")]
            case ResumedEvent():
                return [Line(".", "", "connected again; nothing was missed")]
            case _:
                return []

    def _snapshot(self, event: SnapshotEvent) -> list[Line]:
        page = self._page.setdefault(event.service, {})
        page.update({view.instance_id: view for view in event.instances})
        if event.more:
            return []
        del self._page[event.service]
        before = self._services.get(event.service)
        heading = [Line(".", event.service, _heading(event, len(page)))] if before is None else []
        gone = [self._remove(event.service, Gone(id, "gone")) for id in (before or {}).keys() - page.keys()]
        come = [self._put(event.service, view) for view in page.values() if self._differs(view)]
        return [*heading, *gone, *come]

    def _differs(self, view: InstanceView) -> bool:
        return self._services.get(view.service, {}).get(view.instance_id) != view

    def _put(self, service: str, view: InstanceView) -> Line:
        known = self._services.setdefault(service, {})
        before = known.get(view.instance_id)
        known[view.instance_id] = view
        name = shown(view.instance_id)
        if before is None:
            return Line("+", service, f"{name}  {_described(view)}")
        return Line("~", service, f"{name}  {_difference(before, view)}")

    def _remove(self, service: str, gone: Gone) -> Line:
        self._services.get(service, {}).pop(gone.instance_id, None)
        return Line("-", service, f"{shown(gone.instance_id)}  {shown(gone.why)}")


def _heading(event: SnapshotEvent, count: int) -> str:
    if not event.exists:
        return "nothing of this name is registered"
    return f"{count} {'instance takes' if count == 1 else 'instances take'} requests"


def _described(view: InstanceView) -> str:
    host = f"[{view.host}]" if ":" in view.host else view.host
    parts = [f"{host}:{view.port}"]
    parts += [f"zone {view.zone}"] if view.zone else []
    parts += [f"version {view.version}"] if view.version else []
    parts += [view.status] + (["overdue"] if view.overdue else [])
    return "  ".join(map(shown, parts))


def _difference(before: InstanceView, after: InstanceView) -> str:
    if before.generation != after.generation:
        return f"started anew  {_described(after)}"
    differences = [
        f"{field} {old} -> {new}"
        for field in TOLD
        if (old := getattr(before, field)) != (new := getattr(after, field))
    ]
    others = ("tags", "metadata", "endpoints")
    differences += [f"{field} changed" for field in others if getattr(before, field) != getattr(after, field)]
    return shown(", ".join(differences) or "registered again")
