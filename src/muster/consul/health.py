"""`/v1/health`: who of a service may be called, and every check there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from muster.core.state import ServiceKey
from muster.model import limits
from muster.web.known import Known
from muster.web.message import Request, Response

from . import answers, names, queries, registration
from .catalog import CHECKS, Topic, node_topic, service_topic
from .filter import Filter
from .queries import Options
from .shared import Shared, has_meta, pretty, selected
from .views import Element, View, joined

Make = Callable[[View], bytes]


class Health:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    # --- Services ---------------------------------------------------------------------------------------------------

    def service(self, request: Request) -> Known | None:
        """Hot. None for a blocking query, and for a filter, which can be refused whenever it is applied."""
        options, topic, make = self._service(request)
        if options.index is not None or options.filter:
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
            return joined([_commas(_of_services(found), filter)])

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
            pairs = [*self._shared.views.checks_of_node(name), *_of_services(view.elements)]
            pairs.sort(key=lambda pair: pair[0].check_id)
            return joined([_commas(pairs, filter)])

        await self._shared.blocking.until(topic, options, request.connection)
        return self._answer(topic, options, _kept("node", options, body))

    async def state(self, request: Request) -> Response:
        """All checks of one status, or `any`."""
        options = self._shared.options(request)
        filter = self._shared.filter(options.filter, answers.HealthCheck)
        state = request.params["state"]

        def body(view: View) -> bytes:
            parts = (
                *self._of_all_nodes(options, filter, state),
                *self._of_all_services(options, filter, state),
            )
            return joined([part for part in parts if part])

        await self._shared.blocking.until(CHECKS, options, request.connection)
        await self._warm(options)
        return self._answer(CHECKS, options, _kept(("state", state, options.namespace), options, body))

    async def _warm(self, options: Options) -> None:
        """Have every instance encoded, a few in a turn: what was never asked for takes 50 us each."""
        made = 0
        for topic in self._shared.catalog.topics(options.namespace):
            for element in self._shared.views.view(topic).elements:
                if element.make_checks():
                    made += 1
                    if made % limits.CONSUL_ENCODED_PER_TURN == 0:
                        await asyncio.sleep(0)

    def _of_all_nodes(self, options: Options, filter: Filter, state: str) -> Iterator[bytes]:
        for name in self._shared.catalog.nodes():
            if has_meta(self._meta(name), options):
                yield _commas(self._shared.views.checks_of_node(name), filter, state)

    def _of_all_services(self, options: Options, filter: Filter, state: str) -> Iterator[bytes]:
        """One piece for each service, kept with it: a change joins the pieces of one service again."""
        key = ("of state", state, filter.key, options.node_meta)

        def piece(view: View) -> bytes:
            return view.body(key, lambda: _commas(_of_services(_with_meta(view, options)), filter, state))

        for topic in self._shared.catalog.topics(options.namespace):
            yield piece(self._shared.views.view(topic))

    def _meta(self, name: str) -> dict[str, str]:
        entry = self._shared.catalog.node_entry(name)
        return entry.record.instance.metadata if entry else {}


def _of_services(elements: Iterable[Element]) -> list[tuple[answers.HealthCheck, bytes]]:
    return [pair for element in elements for pair in element.checks]


def _with_meta(view: View, options: Options) -> Iterable[Element]:
    return (each for each in view.elements if has_meta(each.entry.node.meta, options))


def _commas(pairs: Iterable[tuple[answers.HealthCheck, bytes]], filter: Filter, state: str = "any") -> bytes:
    """Those of this status that the filter admits, with commas between them."""
    return b",".join(
        encoded for check, encoded in pairs if state in ("any", check.status) and filter.admits(check)
    )


def is_native(element: Element) -> bool:
    said = element.seen.said
    return said is not None and registration.is_native(said.connect)


def _kept(what: object, options: Options, make: Make) -> Make:
    """`make`, once for each view and query."""
    return lambda view: view.body((what, options.selects), lambda: pretty(make(view), options))
