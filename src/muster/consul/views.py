"""Each service and node as its clients get it, encoded once per change.

An element (node, service, checks of one instance) is made and encoded when somebody first asks, and kept as long as its
instance, its node and the unit of its weights are the same objects: a change of one instance of a thousand encodes one. A body is a
join of elements, kept by what was asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import cached_property
from math import gcd
from typing import Any

import msgspec
from msgspec import Struct

from muster.core.state import Entry as Recorded
from muster.model import limits

from . import answers, seen, shown_checks
from .bodies import Bodies
from .catalog import Catalog, Topic
from .names import Home
from .registration import WEIGHT_UNIT
from .seen import Seen
from .shown_checks import Outputs

_encoder = msgspec.json.Encoder()


Checks = tuple[tuple[answers.HealthCheck, bytes], ...]


class Element:
    """One instance. Its parts are made when they are asked for, once."""

    def __init__(self, seen: Seen, node: Recorded | None, unit: int, views: Views) -> None:
        self.seen = seen
        self.node = node
        self.unit = unit
        self._views = views

    def is_still(self, seen: Seen, node: Recorded | None, unit: int) -> bool:
        return self.seen.entry is seen.entry and self.node is node and self.unit == unit

    @cached_property
    def entry(self) -> answers.Entry:
        views, each = self._views, self.seen
        service = seen.service(each, self.unit)
        own = shown_checks.checks(each, views.outputs(each.entry.key))
        around = shown_checks.node_checks(each.node, self.node, views.node_outputs(self.node))
        return answers.Entry(views.node_of(each, self.node), service, (*around, *own))

    @cached_property
    def encoded(self) -> bytes:
        return _encoder.encode(self.entry)

    @cached_property
    def flat(self) -> answers.CatalogService:
        return flat(self.entry, self.seen)

    @cached_property
    def flat_encoded(self) -> bytes:
        return _encoder.encode(self.flat)

    @cached_property
    def checks(self) -> Checks:
        """Those of the service itself, each with its bytes."""
        return _encoded(check for check in self.entry.checks if check.service_id)

    def make_checks(self) -> bool:
        """Whether they had to be made now."""
        if "checks" in self.__dict__:
            return False
        return self.checks is not None

    @cached_property
    def passing(self) -> bool:
        """Whether every check is, its node's among them."""
        return all(check.status == "passing" for check in self.entry.checks)


class View:
    """A service (or a node) at one index: its elements in order, and the bodies made of them, as long as they are kept."""

    def __init__(self, index: int, elements: list[Element], bodies: Bodies) -> None:
        self.index = index
        self.elements = elements
        self._bodies = bodies

    def body(self, key: Any, make: Callable[[], bytes]) -> bytes:
        """What `make` returns, made once for this key."""
        return self._bodies.get(self, key, make)


class Views:
    """The views that were asked for lately. `outputs` tells what the checks of an instance said last."""

    def __init__(self, catalog: Catalog, home: Home, outputs: Callable[[str], Outputs]) -> None:
        self.catalog = catalog
        self.home = home
        self.outputs = outputs
        self._views: OrderedDict[Topic, View] = OrderedDict()
        self._nodes: dict[str, tuple[Recorded | None, Checks]] = {}
        self._bodies = Bodies()

    def __len__(self) -> int:
        return len(self._views)

    def node_outputs(self, node: Recorded | None) -> Outputs:
        return {} if node is None else self.outputs(node.key)

    def node_of(self, each: Seen, node: Recorded | None) -> answers.Node:
        return seen.node(each.node, each.node_address, node, self.home)

    def checks_of_node(self, name: str) -> Checks:
        """Those of the node itself, each with its bytes; made again when its record changes."""
        record = self.catalog.node_entry(name)
        known = self._nodes.get(name)
        if known is None or known[0] is not record:
            if len(self._nodes) >= limits.CONSUL_GONE:
                self._nodes.clear()
            checks = _encoded(shown_checks.node_checks(name, record, self.node_outputs(record)))
            known = self._nodes[name] = record, checks
        return known[1]

    def view(self, topic: Topic) -> View:
        index = self.catalog.index(topic)
        view = self._views.get(topic)
        if view is None or view.index != index:
            if view is not None:
                self._bodies.forget(view)
            view = self._views[topic] = View(index, self._elements(topic, view), self._bodies)
            if len(self._views) > limits.CONSUL_VIEWS:
                self._bodies.forget(self._views.popitem(last=False)[1])
        self._views.move_to_end(topic)
        return view

    def _elements(self, topic: Topic, before: View | None) -> list[Element]:
        found = self.catalog.instances(topic)
        unit = gcd(WEIGHT_UNIT, *(each.entry.record.instance.weight for each in found))
        known = {element.seen.entry.key: element for element in before.elements} if before else {}
        return [self._element(each, unit, known.get(each.entry.key)) for each in found]

    def _element(self, each: Seen, unit: int, known: Element | None) -> Element:
        node = self.catalog.node_entry(each.node)
        if known is not None and known.is_still(each, node, unit):
            return known
        return Element(each, node, unit, self)


def _encoded(checks: Iterable[answers.HealthCheck]) -> Checks:
    return tuple((check, _encoder.encode(check)) for check in checks)


def joined(bodies: list[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


def encode(value: Struct | list[Any] | dict[str, Any] | str) -> bytes:
    return _encoder.encode(value)


def flat(entry: answers.Entry, each: Seen) -> answers.CatalogService:
    node, service = entry.node, entry.service
    return answers.CatalogService(
        id=node.id,
        node=node.node,
        address=node.address,
        datacenter=node.datacenter,
        tagged_addresses=node.tagged_addresses,
        node_meta=node.meta,
        service_kind=service.kind,
        service_id=service.id,
        service_name=service.service,
        service_tags=service.tags,
        service_address=service.address,
        service_tagged_addresses=service.tagged_addresses,
        service_weights=service.weights,
        service_meta=service.meta,
        service_port=service.port,
        service_socket_path=service.socket_path,
        service_enable_tag_override=service.enable_tag_override,
        service_proxy=service.proxy,
        service_connect=service.connect,
        service_locality=service.locality,
        create_index=service.create_index,
        modify_index=service.modify_index,
    )
