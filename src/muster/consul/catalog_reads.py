"""`/v1/catalog`, what it lists: services and their tags, nodes, who is on a node."""

from __future__ import annotations

from muster.core.state import ServiceKey
from muster.web.message import Request, Response

from . import answers, names, queries, replies, seen
from .catalog import CHECKS, LISTED_NODES, SERVICES, node_topic, service_topic
from .filter import Filter
from .health import is_native
from .queries import Options
from .seen import Seen
from .shared import Shared, has_meta, pretty, selected
from .views import Element, View, encode, joined


class CatalogReads:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def datacenters(self, request: Request) -> Response:
        return replies.value([self._shared.home.datacenter])

    # --- Services ---------------------------------------------------------------------------------------------------

    async def services(self, request: Request) -> Response:
        """Every name and its tags. With a filter, of the instances that it admits; then any change may be news."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.ServiceTags)
        narrowed = bool(filter.key or options.node_meta)
        topic = CHECKS if narrowed else SERVICES
        await self._shared.blocking.until(topic, options, request.connection)
        index = self._shared.catalog.index(topic)
        if narrowed:
            found = self._tags(options, filter)
        else:
            found = encode(self._shared.catalog.services(options.namespace))
        return queries.answer(pretty(found, options), index, options)

    def _tags(self, options: Options, filter: Filter) -> bytes:
        """One piece for each service, kept with it: whoever waits for any change looks again at those that changed."""
        key = ("tags", filter.key, options.node_meta)

        def piece(view: View) -> bytes:
            return view.body(key, lambda: self._piece(view, options, filter))

        views = map(self._shared.views.view, self._shared.catalog.topics(options.namespace))
        return b"{" + b",".join(found for view in views if (found := piece(view))) + b"}"

    def _piece(self, view: View, options: Options, filter: Filter) -> bytes:
        """The name of the service and its tags; nothing if no instance is admitted."""
        found = [
            each.seen
            for each in view.elements
            if has_meta((shown := self._with_tags(each.seen)).node_meta, options) and filter.admits(shown)
        ]
        tags = sorted({tag for each in found for tag in each.tags})
        return encode(found[0].name) + b":" + encode(tags) if found else b""

    def _with_tags(self, each: Seen) -> answers.ServiceTags:
        node = seen.node(
            each.node, each.node_address, self._shared.catalog.node_entry(each.node), self._shared.home
        )
        instance, said = each.entry.record.instance, each.said
        return answers.ServiceTags(
            node=node.node,
            address=node.address,
            node_meta=node.meta,
            service_id=each.id,
            service_name=each.name,
            service_tags=instance.tags,
            service_meta=instance.metadata,
            service_port=instance.port,
            service_address=each.address,
            service_kind=said.kind if said else "",
        )

    async def service(self, request: Request) -> Response:
        return await self._service(request, connect=False)

    async def mesh(self, request: Request) -> Response:
        return await self._service(request, connect=True)

    async def _service(self, request: Request, *, connect: bool) -> Response:
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.CatalogService)
        name = request.params["name"]
        topic = service_topic(options.namespace, name)
        native = ServiceKey(options.namespace, names.native_service(name))
        await self._shared.blocking.until(topic, options, request.connection, native)
        view = self._shared.views.view(topic)

        def body() -> bytes:
            found = [each for each in _selected(view, options) if not connect or is_native(each)]
            return pretty(joined([each.flat_encoded for each in found if filter.admits(each.flat)]), options)

        return queries.answer(view.body(("catalog", connect, options.selects), body), view.index, options)

    # --- Nodes ------------------------------------------------------------------------------------------------------

    async def nodes(self, request: Request) -> Response:
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.Node)
        await self._shared.blocking.until(LISTED_NODES, options, request.connection)
        index = self._shared.catalog.index(LISTED_NODES)
        found = [
            node
            for name in self._shared.catalog.nodes()
            if has_meta((node := self._node(name)).meta, options)
        ]
        found.sort(key=lambda node: node.node != options.near)
        return queries.answer(pretty(encode(filter.of(found)), options), index, options)

    def _node(self, name: str) -> answers.Node:
        catalog = self._shared.catalog
        return seen.node(name, catalog.address(name), catalog.node_entry(name), self._shared.home)

    async def node(self, request: Request) -> Response:
        """A node and the services on it by id; null for one that is not there."""
        options, index, services = await self._on(request)
        if services is None:
            return queries.answer(b"null", index, options)
        shown = answers.CatalogNode(
            self._node(request.params["node"]), {service.id: service for service in services}
        )
        return queries.answer(pretty(encode(shown), options), index, options)

    async def node_services(self, request: Request) -> Response:
        """The same as a list."""
        options, index, services = await self._on(request)
        if services is None:
            return queries.answer(b'{"Node":null,"Services":null}', index, options)
        shown = answers.CatalogNodeList(self._node(request.params["node"]), services)
        return queries.answer(pretty(encode(shown), options), index, options)

    async def _on(self, request: Request) -> tuple[Options, int, list[answers.Service] | None]:
        """(what was asked for, the index, the services on the node; None for no such node)."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.Service)
        name = request.params["node"]
        topic = node_topic(name)
        await self._shared.blocking.until(topic, options, request.connection)
        view = self._shared.views.view(topic)
        if not self._shared.catalog.has_node(name):
            return options, view.index, None
        own = [each for each in view.elements if each.seen.entry.service.namespace == options.namespace]
        return options, view.index, filter.of(each.entry.service for each in own)


def _selected(view: View, options: Options) -> list[Element]:
    """By tags, node and nearness; the filter of the catalog looks at the flat form and comes later."""
    return selected(view.elements, options, Filter("", lambda value, spend: True))
