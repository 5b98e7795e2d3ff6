"""The registry's state: a fold over what the store committed, in the store's order.

`State.apply` is the only way it changes. It returns what changed, instance by instance, for the feed; readers get immutable
snapshots of one service, built when first asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from muster.model import limits
from muster.model.record import DISCOVERABLE, Record, Status
from muster.wire import view as wire_view
from muster.wire.filters import Filter

T = TypeVar("T")


class ServiceKey(NamedTuple):
    namespace: str
    name: str


class Entry(Struct, gc=False):
    """A record as committed at `revision`, with what is derived from it once. Immutable but for what is made when first asked for."""

    key: str
    record: Record
    revision: int
    status: Status
    _json: bytes = b""
    _term: int = -1

    @property
    def id(self) -> str:
        return self.record.instance.id

    @property
    def service(self) -> ServiceKey:
        instance = self.record.instance
        return ServiceKey(instance.namespace, instance.service)

    @property
    def discoverable(self) -> bool:
        return self.status in DISCOVERABLE

    @property
    def json(self) -> bytes:
        """The instance as callers see it, encoded once."""
        if not self._json:
            self._json = wire_view.encode(wire_view.of(self.record, self.revision))
        return self._json

    @property
    def term(self) -> int:
        """The instance's part of a digest."""
        if self._term < 0:
            self._term = wire_view.digest_term(self.id, self.record.generation, self.revision)
        return self._term

    def __repr__(self) -> str:
        return f"<Entry {self.key} {self.status} @{self.revision}>"


class Change(Struct, frozen=True, gc=False):
    """One instance of one service, before and after a transaction. `before` None: it was not there; `after` None: it is gone."""

    revision: int
    service: ServiceKey
    id: str
    before: Entry | None
    after: Entry | None


class View:
    """The instances of a snapshot that a filter admits, with everything readers derive from them, each made once.

    `total` counts those of the whole service. A view does not know its snapshot: the two would keep each other, and megabytes
    of encoded bytes with them, until the collector comes round.
    """

    __slots__ = ("_admitted", "_all", "_filter", "_made", "key", "revision", "total")

    def __init__(self, key: ServiceKey, revision: int, filter: Filter, entries: tuple[Entry, ...]) -> None:
        self.key = key
        self.revision = revision
        self.total = len(entries)
        self._filter = filter
        self._all = entries
        self._admitted: tuple[Entry, ...] | None = None
        self._made: dict[str, object] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Looked for when first asked for: who follows a large service is told what changed, and seldom needs the rest."""
        if self._admitted is None:
            admits = self._filter.admits
            self._admitted = tuple(e for e in self._all if admits(e.record.instance, e.status))
        return self._admitted

    @property
    def exists(self) -> bool:
        """Whether the service has any instance at all, admitted or not."""
        return self.total > 0

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, made by the first who asks under this name; the latest `MADE_PER_VIEW` are kept."""
        if name not in self._made:
            if len(self._made) >= limits.MADE_PER_VIEW:
                del self._made[next(iter(self._made))]
            self._made[name] = make()
        return self._made[name]  # type: ignore[return-value]

    @property
    def digest(self) -> int:
        return self.once("digest", lambda: wire_view.digest(entry.term for entry in self.entries))


class Snapshot:
    """One service at one revision, whole: every instance of whatever status, by id."""

    __slots__ = ("_views", "entries", "exists", "key", "revision")

    def __init__(self, key: ServiceKey, revision: int, entries: tuple[Entry, ...]) -> None:
        self.key = key
        self.revision = revision
        self.entries = entries
        self.exists = bool(entries)
        self._views: dict[Filter, View] = {}

    def view(self, filter: Filter) -> View:
        """The view through `filter`; the latest `VIEWS_PER_SNAPSHOT` are kept."""
        view = self._views.get(filter)
        if view is None:
            if len(self._views) >= limits.VIEWS_PER_SNAPSHOT:
                del self._views[next(iter(self._views))]
            view = self._views[filter] = View(self.key, self.revision, filter, self.entries)
        return view

    def __repr__(self) -> str:
        return (
            f"<Snapshot {self.key.namespace}/{self.key.name} @{self.revision} {len(self.entries)} instances>"
        )


class _Service:
    """The instances of one service by id and how many are of each status; the snapshot, if one was asked for since the last change."""

    __slots__ = ("entries", "revision", "snapshot", "statuses")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.statuses: Counter[Status] = Counter()
        self.revision = 0
        self.snapshot: Snapshot | None = None


class State:
    """All records by key and by service. `revision` is that of the last transaction applied."""

    def __init__(self, epoch: str = "", revision: int = 0) -> None:
        self.epoch = epoch
        self.revision = revision
        self._entries: dict[str, Entry] = {}
        self._services: dict[ServiceKey, _Service] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def entries(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def services(self) -> Iterator[ServiceKey]:
        return iter(self._services)

    def count(self, service: ServiceKey) -> int:
        """Instances of a service, of whatever status."""
        found = self._services.get(service)
        return len(found.entries) if found else 0

    def statuses(self, service: ServiceKey) -> dict[Status, int]:
        """Instances of a service by status, without looking at any: 100,000 are scraped every few seconds."""
        found = self._services.get(service)
        return {status: count for status, count in found.statuses.items() if count} if found else {}

    def snapshot(self, service: ServiceKey) -> Snapshot:
        """The service now. One that does not exist has an empty snapshot at the state's revision."""
        found = self._services.get(service)
        if found is None:
            return Snapshot(service, self.revision, ())
        if found.snapshot is None:
            ordered = tuple(found.entries[id] for id in sorted(found.entries))
            found.snapshot = Snapshot(service, found.revision, ordered)
        return found.snapshot

    def load(self, records: Iterable[tuple[Record, int]]) -> None:
        """Take in all that a store holds at `revision`: (record, revision of its last write).

        What was removed before is not told, so every service counts as changed at the head: its revision never goes back.
        """
        for record, at in records:
            entry = entry_of(record, at)
            self._entries[entry.key] = entry
            self._join(entry, self.revision)

    def held(self, service: ServiceKey) -> list[Entry]:
        """All instances of a service, of whatever status, in no order."""
        found = self._services.get(service)
        return list(found.entries.values()) if found else []

    def apply(self, revision: int, writes: Iterable[tuple[str, Record | None]]) -> list[Change]:
        """Fold one transaction in: (key, record or None for removed). The changes, in the order of the writes."""
        return self.put_right(revision, ((key, record, revision) for key, record in writes))

    def put_right(self, revision: int, records: Iterable[tuple[str, Record | None, int]]) -> list[Change]:
        """Hold these records instead, from `revision` on: (key, record or None for removed, revision of its last write)."""
        self.revision = revision
        changes: list[Change] = []
        for key, record, at in records:
            self._apply(revision, key, None if record is None else entry_of(record, at), changes)
        return changes

    def _apply(self, revision: int, key: str, after: Entry | None, changes: list[Change]) -> None:
        before = self._entries.pop(key, None)
        if before is not None and (after is None or before.service != after.service):
            self._leave(before, revision)
            changes.append(Change(revision, before.service, before.id, before, None))
            before = None
        if after is not None:
            self._entries[after.key] = after
            self._join(after, revision)
            changes.append(Change(revision, after.service, after.id, before, after))

    def _join(self, entry: Entry, revision: int) -> None:
        service = self._services.get(entry.service)
        if service is None:
            service = self._services[entry.service] = _Service()
        elif before := service.entries.get(entry.id):
            service.statuses[before.status] -= 1
        service.statuses[entry.status] += 1
        service.entries[entry.id] = entry
        service.revision = revision
        service.snapshot = None

    def _leave(self, entry: Entry, revision: int) -> None:
        service = self._services[entry.service]
        service.statuses[entry.status] -= 1
        del service.entries[entry.id]
        service.revision = revision
        service.snapshot = None
        if not service.entries:
            del self._services[entry.service]


def entry_of(record: Record, revision: int) -> Entry:
    """The committed form of a record: the write that registered it learns its generation here."""
    if not record.generation:
        record = replace(record, generation=revision)
    return Entry(record.key, record, revision, record.status)
