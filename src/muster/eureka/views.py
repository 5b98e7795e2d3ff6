"""The registry as Eureka's clients see it: documents, each part made once per change.

entry --- encoded once per revision ---> application (once per snapshot, compressed once) ---> joined for an answer
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from muster.core.state import Change, Entry, ServiceKey, View
from muster.model import limits
from muster.registry.registry import Registry
from muster.wire.filters import Filter

from .forms import Form
from .info import InstanceInfo
from .pieces import Piece
from .recent import Recent, Recently
from .translation import NAMESPACE, STATUS, info_of, listed, own_words, status_of

LISTED: Final = Filter(statuses=tuple(STATUS))


class Views:
    """Follows the registry from when it is made."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._recent = Recent()
        self._encoded: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._prepared: dict[tuple[ServiceKey, str], int] = {}
        self._deltas: dict[str, tuple[object, list[Piece]]] = {}
        self._hash = (-1, "")
        registry.on_change(self._changed)
        registry.on_reset(self._reset)

    def _changed(self, change: Change, wall: int) -> None:
        if change.service.namespace != NAMESPACE:
            return
        self._recent.note(change, self._registry.now())
        if change.after is None and change.before is not None:
            for form in ("json", "xml"):
                self._encoded.pop((change.before.key, form), None)

    def _reset(self, reason: str) -> None:
        self._recent.forget()
        self._encoded.clear()
        self._prepared.clear()
        self._deltas.clear()
        self._hash = (-1, "")

    # --- Documents ----------------------------------------------------------------------------------------------------

    async def prepare(self, form: Form) -> None:
        """Encode what was not encoded yet, some in a turn of the loop: 100,000 instances take seconds, once."""
        prepared = {key: revision for key, revision in self._prepared.items() if key[1] != form.name}
        for service in self._services():
            view = self._view(service)
            if self._prepared.get((service, form.name)) != view.revision:
                for n, entry in enumerate(view.entries):
                    self._instance(entry, form)
                    if n % limits.EUREKA_ENCODED_PER_TURN == limits.EUREKA_ENCODED_PER_TURN - 1:
                        await asyncio.sleep(0)
            prepared[service, form.name] = view.revision
        self._prepared = prepared

    def all(self, form: Form) -> list[Piece]:
        views = (self._view(key) for key in self._services())
        return form.applications(
            "1", self.hash(), [self._application(view, form) for view in views if view.entries]
        )

    def delta(self, form: Form) -> list[Piece]:
        """Kept until something changes, or the oldest change in it is too old."""
        recent = self._recent.since(self._registry.now())
        stamp = (self._recent.count, len(recent), self._registry.revision)
        kept = self._deltas.get(form.name)
        if kept is None or kept[0] != stamp:
            applications = _changed_applications(recent, form)
            kept = stamp, form.applications(str(self._recent.count), self.hash(), applications)
            self._deltas[form.name] = kept
        return kept[1]

    def application(self, app: str, form: Form) -> bytes | None:
        view = self._view(ServiceKey(NAMESPACE, app.lower()))
        return form.document("application", self._application(view, form).plain) if view.entries else None

    def instance(self, entry: Entry, form: Form) -> bytes:
        return form.document("instance", self._instance(entry, form))

    def at_vip(self, vip: str, form: Form, *, secure: bool) -> list[Piece] | None:
        """Whatever has the virtual address, whichever app it is of."""
        found: dict[str, Sequence[Entry]] = {}
        for key in self._services():
            entries = _at_vips(self._view(key), secure).get(vip.lower())
            if entries:
                found[key.name.upper()] = entries
        if not found:
            return None
        applications = [
            Piece(form.application(app, [self._instance(entry, form) for entry in entries]))
            for app, entries in found.items()
        ]
        shown = (entry for entries in found.values() for entry in entries)
        return form.applications("-1", _hash(Counter(map(_status, shown))), applications)

    def hash(self) -> str:
        """Of everything listed: each status with its number, sorted (`Applications.getReconcileHashCode`)."""
        revision = self._registry.revision
        if self._hash[0] != revision:
            counts: Counter[str] = Counter()
            for key in self._services():
                counts += _statuses(self._view(key))
            self._hash = (revision, _hash(counts))
        return self._hash[1]

    # --- Parts --------------------------------------------------------------------------------------------------------

    def find(self, app: str, id: str) -> Entry | None:
        """An instance by Eureka's key: one of its own, or a native one of that service."""
        for key in keys(app, id):
            entry = self._registry.entry(key)
            if entry is not None and entry.service.name == app.lower():
                return entry
        return None

    def anywhere(self, id: str) -> Entry | None:
        """A listed instance, whatever its app."""
        for key in self._services():
            entry = self.find(key.name, id)
            if entry is not None and listed(entry):
                return entry
        return None

    def _services(self) -> list[ServiceKey]:
        return sorted(key for key in self._registry.services() if key.namespace == NAMESPACE)

    def _view(self, key: ServiceKey) -> View:
        return self._registry.snapshot(key).view(LISTED)

    def _application(self, view: View, form: Form) -> Piece:
        def make() -> Piece:
            return Piece(
                form.application(view.key.name.upper(), [self._instance(each, form) for each in view.entries])
            )

        return view.once(f"eureka {form.name}", make)

    def _instance(self, entry: Entry, form: Form) -> bytes:
        revision, encoded = self._encoded.get((entry.key, form.name), (-1, b""))
        if revision != entry.revision:
            encoded = form.instance(info_of(entry))
            self._encoded[entry.key, form.name] = entry.revision, encoded
        return encoded


def keys(app: str, id: str) -> tuple[str, str]:
    """Under which an instance of Eureka's name may be held: its own, or that of a native one."""
    return f"{NAMESPACE}/{app.lower()}/{id}", f"{NAMESPACE}/{id}"


def _changed_applications(recent: Iterable[Recently], form: Form) -> list[Piece]:
    by_app: dict[str, list[bytes]] = {}
    for recently in recent:
        info = info_of(recently.entry, recently.action)
        by_app.setdefault(info.app, []).append(form.instance(info))
    return [Piece(form.application(app, found)) for app, found in sorted(by_app.items())]


def _statuses(view: View) -> Counter[str]:
    return view.once("eureka statuses", lambda: Counter(map(_status, view.entries)))


def _status(entry: Entry) -> str:
    return status_of(entry, own_words(entry.record.instance))


def _hash(counts: Counter[str]) -> str:
    return "".join(f"{status}_{count}_" for status, count in sorted(counts.items()))


def _at_vips(view: View, secure: bool) -> dict[str, list[Entry]]:
    return view.once(f"eureka vips {secure}", lambda: _by_vip(view, secure))


def _by_vip(view: View, secure: bool) -> dict[str, list[Entry]]:
    """An instance may have several addresses, between commas."""
    found: dict[str, list[Entry]] = {}
    for entry in view.entries:
        for vip in _vips(info_of(entry), secure):
            found.setdefault(vip, []).append(entry)
    return found


def _vips(info: InstanceInfo, secure: bool) -> Iterable[str]:
    text = info.secure_vip if secure else info.vip
    return dict.fromkeys(vip.strip().lower() for vip in text.split(",") if vip.strip())
