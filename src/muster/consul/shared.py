"""What all handlers of Consul's API share, and what they all do: filter, wait, and answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec
from msgspec import Struct

from muster.registry.registry import Registry
from muster.web.listener import Listener
from muster.web.message import Request, Response
from muster.web.router import Handler

from . import names, queries
from .blocking import Blocking
from .catalog import OWN_SERVICE, Catalog, node_topic
from .failures import Refused
from .filter import BadFilter, Filter, Filters
from .names import Home
from .queries import Options
from .registration import Place
from .seen import Seen
from .spelling import NotSo, read
from .views import Element, Views

T = TypeVar("T")
NODE_HEADER = b"muster-node"
ADDRESS_HEADER = b"muster-node-address"
"""How `muster agent` says on which node its clients are, and where that is."""


class Shared(Struct, frozen=True):
    registry: Registry
    listener: Listener
    catalog: Catalog
    views: Views
    blocking: Blocking
    filters: Filters
    home: Home

    # --- Looking before changing ------------------------------------------------------------------------------------

    def found(self, handler: Callable[[Request], Awaitable[Response]]) -> Handler:
        """The handler, refusing what it does not find only when it has looked through all that any replica has written."""

        async def handled(request: Request) -> Response:
            return await self.registry.found(lambda: handler(request))

        return handled

    # --- Reading ----------------------------------------------------------------------------------------------------

    def options(self, request: Request) -> Options:
        """Of a read of the catalog. Raises `Refused`."""
        queries.datacenter(request, self.home)
        return queries.parse(request)

    def filter(self, text: str, shape: type[Struct]) -> Filter:
        """Raises `Refused`, with the status that Consul gives a bad filter, which is found by its servers and not its agent."""
        try:
            return self.filters.get(text, shape)
        except BadFilter as error:
            raise Refused(500, f"Failed to create boolean expression evaluator: {error}") from None

    # --- Who asks ---------------------------------------------------------------------------------------------------

    def place(self, request: Request) -> Place:
        """The node whose agent a client takes us for: where it says it is, or where it is."""
        source = request.connection.source
        address = request.header(ADDRESS_HEADER)
        if address:
            address = names.host(address, "Invalid node address")
        else:
            address = self.home.address if names.is_loopback(source) else source
        node = request.header(NODE_HEADER) or names.node_at(source, self.home)
        record = self.catalog.node_entry(node)
        if record is not None:
            address = record.record.instance.host
        return Place(queries.namespace(request), names.required(node, "Must provide node"), address)

    def on(self, place: Place) -> list[Seen]:
        """The services of an agent: those on its node, whoever registered them; but for the servers' own."""
        found = self.catalog.instances(node_topic(place.node))
        own = [each for each in found if each.entry.service.namespace == place.namespace]
        return [each for each in own if each.name != OWN_SERVICE]

    def service(self, place: Place, service_id: str) -> Seen | None:
        return next((each for each in self.on(place) if each.id == service_id), None)


def outputs(registry: Registry) -> Callable[[str], dict[str, str]]:
    """What the checks of an instance said last, by the instance's key."""
    return lambda key: {tracker.check.name: tracker.said for tracker in registry.trackers(key)}


def body_of(request: Request, kind: type[T]) -> T:
    """Raises `Refused`."""
    try:
        return read(request.body, kind)
    except NotSo as error:
        raise Refused(400, f"Request decode failed: {error}") from None


def pretty(body: bytes, options: Options) -> bytes:
    return msgspec.json.format(body, indent=4) + b"\n" if options.pretty else body


def selected(elements: Iterable[Element], options: Options, filter: Filter) -> list[Element]:
    """Those that the query asks for, the nearest first where it names a node."""
    wanted = {tag.lower() for tag in options.tags}
    found = [
        element
        for element in elements
        if wanted <= {tag.lower() for tag in element.seen.tags}
        and has_meta(element.entry.node.meta, options)
        and not options.peer
    ]
    if options.near:
        found.sort(key=lambda element: element.seen.node != options.near)
    return found if not filter.key else [element for element in found if filter.admits(element.entry)]


def has_meta(meta: dict[str, str], options: Options) -> bool:
    return all(meta.get(key) == value for key, value in options.node_meta)
