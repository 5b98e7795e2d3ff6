"""`/v1/health`: who of a service may be called, and every check there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from muster.core.state import ServiceKey
from muster.web.known import Known
from muster.web.message import Request, Response

from . import answers, names, queries, seen
from .catalog import CHECKS, Topic, node_topic, service_topic
from .filter import Filter
from .queries import Options
from .shared import Shared, has_meta, pretty, selected
from .views import Element, View, encode, joined

Make = Callable[[View], bytes]


class Health:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    # --- Services ---------------------------------------------------------------------------------------------------

    def service(self, request: Request) -> Known | None:
        """Hot. None for a blocking query."""
        options, topic, make = self._service(request)
        if options.index is not None:
            return None
        shared, service = self._shared, self._native(request, options)

        def looked() -> Response:
            shared.registry.subscribers.looked(service)
            return self._answer(topic, options, make)

        return Known(shared.listener, lambda: shared.catalog.index(topic), looked)

    async def service_slow(self, request: Request) -> Response:
        options, topic, make = self._service(request)
        service = self._native(request, options)
        await self._shared.blocking.until(topic, options, request.connection, service)
        return self._answer(topic, options, make)

    def _service(self, request: Request) -> tuple[Options, Topic, Make]:
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.Entry)
        passing = queries.flag(request, "passing")

        def body(view: View) -> bytes:
            found = selected(view.elements, options, filter)
            return joined([element.encoded for element in found if element.passing or not passing])

        topic = service_topic(options.namespace, request.params["name"])
        return options, topic, _kept(("health", passing), options, body)

    async def mesh(self, request: Request) -> Response:
        """`health/connect` and `health/ingress`: instances that speak the mesh's own protocol, of which few say so."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.Entry)

        def body(view: View) -> bytes:
            found = selected(view.elements, options, filter)
            return joined([element.encoded for element in found if is_native(element)])

        topic = service_topic(options.namespace, request.params["name"])
        await self._shared.blocking.until(topic, options, request.connection)
        return self._answer(topic, options, _kept("connect", options, body))

    def _native(self, request: Request, options: Options) -> ServiceKey:
        return ServiceKey(options.namespace, names.native_service(request.params["name"]))

    def _answer(self, topic: Topic, options: Options, make: Make) -> Response:
        view = self._shared.views.view(topic)
        return queries.answer(make(view), view.index, options)

    # --- Checks -----------------------------------------------------------------------------------------------------

    async def checks(self, request: Request) -> Response:
        """Of a service."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.HealthCheck)
        topic = service_topic(options.namespace, request.params["name"])

        def body(view: View) -> bytes:
            near = sorted(view.elements, key=lambda element: element.seen.node != options.near)
            found = [element for element in near if has_meta(element.entry.node.meta, options)]
            return self._encoded(_of_services(found), filter)

        await self._shared.blocking.until(topic, options, request.connection)
        return self._answer(topic, options, _kept("checks", options, body))

    async def node(self, request: Request) -> Response:
        """Of a node and the services on it."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.HealthCheck)
        name, topic = request.params["node"], node_topic(request.params["node"])

        def body(view: View) -> bytes:
            if not self._shared.catalog.has_node(name):
                return b"[]"
            return self._encoded([*self._of_node(name), *_of_services(view.elements)], filter)

        await self._shared.blocking.until(topic, options, request.connection)
        return self._answer(topic, options, _kept("node", options, body))

    async def state(self, request: Request) -> Response:
        """All checks of one status, or `any`."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.HealthCheck)
        state = request.params["state"]

        def body(view: View) -> bytes:
            found = self._everywhere(options)
            return self._encoded([check for check in found if state in ("any", check.status)], filter)

        await self._shared.blocking.until(CHECKS, options, request.connection)
        return self._answer(CHECKS, options, _kept(("state", state, options.namespace), options, body))

    def _everywhere(self, options: Options) -> list[answers.HealthCheck]:
        found: list[answers.HealthCheck] = []
        for name in self._shared.catalog.nodes():
            if has_meta(self._meta(name), options):
                found += self._of_node(name)
                elements = self._shared.views.view(node_topic(name)).elements
                own = [each for each in elements if each.seen.entry.service.namespace == options.namespace]
                found += _of_services(own)
        return found

    def _meta(self, name: str) -> dict[str, str]:
        entry = self._shared.catalog.node_entry(name)
        return entry.record.instance.metadata if entry else {}

    def _of_node(self, name: str) -> tuple[answers.HealthCheck, ...]:
        entry = self._shared.catalog.node_entry(name)
        return seen.node_checks(name, entry, self._shared.views.node_outputs(entry))

    def _encoded(self, checks: Iterable[answers.HealthCheck], filter: Filter) -> bytes:
        return encode(filter.of(checks))


def _of_services(elements: Iterable[Element]) -> list[answers.HealthCheck]:
    return [check for element in elements for check in element.entry.checks if check.service_id]


def is_native(element: Element) -> bool:
    said = element.seen.said
    return said is not None and bool(said.connect.get("Native") or said.connect.get("native"))


def _kept(what: object, options: Options, make: Make) -> Make:
    """`make`, once for each view and query."""
    return lambda view: view.body((what, options.selects), lambda: pretty(make(view), options))
