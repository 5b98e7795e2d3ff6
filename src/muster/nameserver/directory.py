"""What is asked for by something else than a service: hosts, addresses, namespaces. Kept up to date change by change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from muster.core.state import Change, Entry

Place = tuple[str, str]
"""(namespace, host's name) or ("", address): no namespace is empty."""


class Directory:
    """Answers with keys of records: what they say now, the registry knows."""

    def __init__(self) -> None:
        self._keys: dict[Place, set[str]] = {}
        self._namespaces = Counter[str]()

    def __repr__(self) -> str:
        return f"<Directory of {len(self._keys)} hosts and addresses>"

    def load(self, entries: Iterable[Entry]) -> None:
        """Begin again from all there is."""
        self._keys.clear()
        self._namespaces.clear()
        for entry in entries:
            self._add(entry)

    def changed(self, change: Change) -> None:
        before, after = change.before, change.after
        if before is not None and after is not None and _places(before) == _places(after):
            return  # its status, or its weight: most changes are
        if before is not None:
            self._remove(before)
        if after is not None:
            self._add(after)

    def on_node(self, namespace: str, name: str) -> Collection[str]:
        return self._keys.get((namespace, name), ())

    def at_host(self, host: str) -> Collection[str]:
        return self._keys.get(("", host), ())

    def namespace_exists(self, name: str) -> bool:
        return self._namespaces[name] > 0

    def _add(self, entry: Entry) -> None:
        for place in _places(entry):
            self._keys.setdefault(place, set()).add(entry.key)
        self._namespaces[entry.record.instance.namespace] += 1

    def _remove(self, entry: Entry) -> None:
        for place in _places(entry):
            keys = self._keys[place]
            keys.discard(entry.key)
            if not keys:
                del self._keys[place]
        self._namespaces[entry.record.instance.namespace] -= 1


def node_of(id: str) -> str:
    """The host an instance says it runs on: registrations in Consul's dialect have ids of the form `node/id`."""
    return id.partition("/")[0].lower()


def _places(entry: Entry) -> tuple[Place, Place]:
    instance = entry.record.instance
    return (instance.namespace, node_of(instance.id)), ("", instance.host)
