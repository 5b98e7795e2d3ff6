"""The catalog: which instances are on which node and under which Consul name, and the index of everything that can be asked for.

It follows the registry's changes and holds names and numbers only; what is said of an instance is made from its entry. An index
follows from the revision of the last change that a Consul client could notice, by topic, so a query wakes for nothing else:

    service    an instance of it, or one of the nodes these are on
    node       its record, or an instance on it
    lists      which services and tags there are; which nodes; which checks

A topic nobody knows has the index of the beginning, or of when it was last known (`gone`). Indexes never go back within an
epoch; when another one begins, everything begins anew.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable

from msgspec.structs import replace

from muster.core.state import Change, Entry, ServiceKey
from muster.model import limits
from muster.model.record import Record
from muster.registry.registry import Registry

from . import details
from .names import NODES, Home
from .seen import Seen, seen

Topic = ServiceKey
"""What can be waited for. The namespace holds a `:`, so that no service is meant."""
SERVICES = Topic("consul:lists", "services")
LISTED_NODES = Topic("consul:lists", "nodes")
CHECKS = Topic("consul:lists", "checks")
OWN_SERVICE = "consul"
"""The service that a Consul server is on its own node."""


def index_at(revision: int) -> int:
    """Consul's indexes begin at 1: to its clients 0 means that they hold nothing yet."""
    return revision + 1


def service_topic(namespace: str, name: str) -> Topic:
    return Topic(f"consul:{namespace}", name.lower())


def node_topic(node: str) -> Topic:
    return Topic("consul:nodes", node.lower())


class _Service:
    """The instances of one name, by key, and how often each tag and each spelling of the name occurs."""

    __slots__ = ("keys", "names", "tags")

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.names: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """As most of its instances spell it."""
        return max(self.names, key=lambda name: (self.names[name], name))


class _Node:
    """`record` is the key of its own record, "" if nobody registered it."""

    __slots__ = ("keys", "name", "record")

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: dict[str, None] = {}
        self.record = ""

    @property
    def gone(self) -> bool:
        return not self.keys and not self.record


class Catalog:
    """`own` is the registry's own service `consul` on its own node, which no record tells of."""

    def __init__(self, registry: Registry, home: Home, own: Entry) -> None:
        self._registry = registry
        self._home = home
        self._own = own
        self._services: dict[Topic, _Service] = {}
        self._nodes: dict[Topic, _Node] = {}
        self._seen: dict[str, Seen] = {}
        self._index: dict[Topic, int] = {}
        self._gone: OrderedDict[Topic, int] = OrderedDict()
        self._floor = 1
        self.load()
        registry.on_change(self.changed)
        registry.on_load(self.load)

    def __repr__(self) -> str:
        return f"<Catalog of {len(self._services)} services on {len(self._nodes)} nodes>"

    # --- Following the registry -------------------------------------------------------------------------------------

    def load(self) -> None:
        """Begin from all that is registered now."""
        known = [*self._services, *self._nodes, *self._gone, SERVICES, LISTED_NODES, CHECKS]
        for table in (self._services, self._nodes, self._seen, self._index, self._gone):
            table.clear()
        self._floor = index_at(self._registry.revision)
        for entry in (self._own, *self._registry.entries()):
            self._follow(None, entry, set())
        self._registry.hub.changed(dict.fromkeys([*known, *self._services, *self._nodes]))

    def changed(self, change: Change, wall: int) -> None:
        """One committed change. What it touches has its revision as its index, and whoever waits for that is woken."""
        if not _noticeable(change):
            return
        touched: set[Topic] = set()
        self._follow(change.before, change.after, touched)
        for topic in touched:
            self._index[topic] = index_at(change.revision)
        self._forget(touched, index_at(change.revision))
        self._registry.hub.changed(touched)

    def _follow(self, before: Entry | None, after: Entry | None, touched: set[Topic]) -> None:
        old, new = (entry if entry and listed(entry) else None for entry in (before, after))
        some = old or new
        if some is None:
            return
        if some.record.instance.namespace == NODES:
            self._follow_node(old, new, touched)
            return
        was, now = self._seen_of(old), self._seen_of(new)
        if was and now and _listed_alike(was, now):
            touched.update((_service_of(now), node_topic(now.node), CHECKS))
        else:
            if was:
                self._drop(was, touched)
            if now:
                self._add(now, touched)
        self._keep(some.key, now)

    def _seen_of(self, entry: Entry | None) -> Seen | None:
        return None if entry is None else seen(entry, self._home)

    def _keep(self, key: str, now: Seen | None) -> None:
        """What took reading of details is kept; the rest is made as fast as it is found."""
        if now is not None and now.said is not None:
            self._seen[key] = now
        else:
            self._seen.pop(key, None)

    def _add(self, each: Seen, touched: set[Topic]) -> None:
        topic, key = _service_of(each), each.entry.key
        touched.update((topic, CHECKS))
        service = self._services.get(topic)
        if service is None:
            service = self._services[topic] = _Service()
            touched.add(SERVICES)
        before = len(service.tags)
        service.keys[key] = None
        service.names[each.name] += 1
        for tag in each.tags:
            service.tags[tag] += 1
        if len(service.tags) != before:
            touched.add(SERVICES)
        self._node(each.node, touched).keys[key] = None

    def _drop(self, each: Seen, touched: set[Topic]) -> None:
        topic, at, key = _service_of(each), node_topic(each.node), each.entry.key
        touched.update((topic, at, CHECKS))
        service = self._services[topic]
        service.keys.pop(key, None)
        _subtract(service.names, (each.name,))
        before = len(service.tags)
        _subtract(service.tags, each.tags)
        if len(service.tags) != before or not service.keys:
            touched.add(SERVICES)
        if not service.keys:
            del self._services[topic]
        self._nodes[at].keys.pop(key, None)
        self._sweep(at, touched)

    def _follow_node(self, old: Entry | None, new: Entry | None, touched: set[Topic]) -> None:
        """A node's own record: it is part of what is said of every service on it."""
        some = new or old
        assert some is not None
        name = details.of_node(some.record.instance).node
        node = self._node(name, touched)
        node.record = new.key if new else ""
        topic = node_topic(name)
        touched.update((LISTED_NODES, CHECKS))
        for key in node.keys:
            touched.add(_service_of(self._known(key)))
        self._sweep(topic, touched)

    def _known(self, key: str) -> Seen:
        kept = self._seen.get(key)
        if kept is not None:
            return kept
        entry = self._own if key == self._own.key else self._registry.entry(key)
        assert entry is not None, "it would have left with its record"
        return seen(entry, self._home)

    def _node(self, name: str, touched: set[Topic]) -> _Node:
        topic = node_topic(name)
        touched.add(topic)
        node = self._nodes.get(topic)
        if node is None:
            node = self._nodes[topic] = _Node(name)
            touched.add(LISTED_NODES)
        return node

    def _sweep(self, topic: Topic, touched: set[Topic]) -> None:
        if self._nodes[topic].gone:
            del self._nodes[topic]
            touched.add(LISTED_NODES)

    def _forget(self, touched: Iterable[Topic], index: int) -> None:
        """Keep the last index of what is gone for a while: whoever comes back with it has missed nothing."""
        for topic in touched:
            known = (
                topic in self._services or topic in self._nodes or topic in (SERVICES, LISTED_NODES, CHECKS)
            )
            if known:
                self._gone.pop(topic, None)
            else:
                self._gone[topic] = index
                self._gone.move_to_end(topic)
        while len(self._gone) > limits.CONSUL_GONE:
            topic, at = self._gone.popitem(last=False)
            self._index.pop(topic, None)
            self._floor = max(self._floor, at)

    # --- What it knows ----------------------------------------------------------------------------------------------

    def index(self, topic: Topic) -> int:
        return self._index.get(topic, self._floor)

    def instances(self, topic: Topic) -> list[Seen]:
        """Of a service or a node, by node and id."""
        found = self._services.get(topic) or self._nodes.get(topic)
        return sorted(map(self._known, found.keys) if found else (), key=_by_node)

    def services(self, namespace: str) -> dict[str, list[str]]:
        """The tags in use, by the name of the service as most of its instances spell it."""
        prefix = f"consul:{namespace}"
        return {
            service.name: sorted(service.tags)
            for topic, service in sorted(self._services.items())
            if topic.namespace == prefix
        }

    def topics(self, namespace: str) -> list[Topic]:
        """Of all services."""
        return sorted(topic for topic in self._services if topic.namespace == f"consul:{namespace}")

    def nodes(self) -> list[str]:
        """All names."""
        return sorted({node.name for node in self._nodes.values()})

    def has_node(self, name: str) -> bool:
        return node_topic(name) in self._nodes

    def node_entry(self, name: str) -> Entry | None:
        """The node's own record, if somebody registered it."""
        node = self._nodes.get(node_topic(name))
        return self._registry.entry(node.record) if node and node.record else None

    def address(self, node: str) -> str:
        """Where a node is that has no record: where an instance on it said."""
        if node.lower() == self._home.node.lower():
            return self._home.address
        found = self.instances(node_topic(node))
        return found[0].node_address if found else ""


def _service_of(each: Seen) -> Topic:
    return service_topic(each.entry.record.instance.namespace, each.name)


def _listed_alike(was: Seen, now: Seen) -> bool:
    """Whether it is still in the same place of every list."""
    return (was.name, was.node, was.tags, _service_of(was)) == (
        now.name,
        now.node,
        now.tags,
        _service_of(now),
    )


def _by_node(each: Seen) -> tuple[str, str]:
    return each.node, each.id


def listed(entry: Entry) -> bool:
    """Whether Consul's clients see it at all: what expired is gone there."""
    return entry.status != "expired"


def _subtract(counter: Counter[str], values: Iterable[str]) -> None:
    for value in values:
        counter[value] -= 1
        if counter[value] <= 0:
            del counter[value]


def _noticeable(change: Change) -> bool:
    """Being overdue is no news to Consul's clients."""
    if change.before is None or change.after is None:
        return True
    return _as_noticed(change.before.record) != _as_noticed(change.after.record)


def _as_noticed(record: Record) -> Record:
    facts = replace(record.facts, overdue=False, failing_since=0)
    return replace(record, facts=facts, changed_at=0)
