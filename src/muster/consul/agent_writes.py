"""`/v1/agent`, what changes something: services and checks of the node that asks, their results, and maintenance."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from muster.core import commands
from muster.model import limits
from muster.model.check import Check, Result
from muster.model.instance import Instance
from muster.model.names import printable
from muster.model.record import instance_key
from muster.web.message import Request, Response

from . import checks, names, queries, registration, replies
from .checks import Site
from .details import NodeDetails
from .failures import Refused
from .queries import BOOLEANS
from .registration import Place
from .requests import CheckBody, CheckUpdate, ServiceBody
from .seen import Seen
from .shared import Shared, body_of
from .shown_checks import check_id

_RESULTS: Final[dict[str, Result]] = {"passing": "pass", "warning": "warn", "critical": "fail"}


class FoundCheck(NamedTuple):
    """A check: the instance it belongs to (a node's record is one), and the name it has there."""

    key: str
    check: Check


class AgentWrites:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._registry = shared.registry

    # --- Services ---------------------------------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        """Checks that the service has and the body does not name stay, unless they are to be replaced."""
        body = body_of(request, ServiceBody)
        instance = registration.instance_of(body, self._shared.place(request))
        keep = not queries.flag(request, "replace-existing-checks")
        await self._register(instance, keep=keep)
        return replies.done()

    async def _register(self, instance: Instance, *, keep: bool) -> None:
        wall = self._registry.wall()
        await self._registry.command(commands.Register(instance, "", False, b"", wall, keep_checks=keep))

    async def deregister(self, request: Request) -> Response:
        each = self._service(request)
        await self._registry.command(commands.Deregister(each.entry.key, 0, b""))
        return replies.done()

    async def maintenance(self, request: Request) -> Response:
        """Of a service: an operator's override."""
        enable, reason = _maintenance(request)
        await self._override(self._service(request).entry.key, enable, reason)
        return replies.done()

    async def _override(self, key: str, enable: bool, reason: str) -> None:
        override = "out_of_service" if enable else ""
        wall = self._registry.wall()
        await self._registry.command(
            commands.Amend(key, 0, b"", wall, override=override, reason=reason if enable else "")
        )

    def _service(self, request: Request) -> Seen:
        id = request.params["id"]
        each = self._shared.service(self._shared.place(request), id)
        if each is None:
            raise unknown_service(id)
        return each

    # --- Node -------------------------------------------------------------------------------------------------------

    async def node_maintenance(self, request: Request) -> Response:
        enable, reason = _maintenance(request)
        place = self._shared.place(request)
        if not await self._is_known(place):
            await self._register(_node(place), keep=True)
        await self._override(self._node_key(place), enable, reason)
        return replies.done()

    async def _is_known(self, place: Place) -> bool:
        """Whether somebody has registered the node, at whichever replica: what was said of it then must not be overwritten."""
        if self._shared.catalog.node_entry(place.node) is None:
            await self._registry.catch_up()
        return self._shared.catalog.node_entry(place.node) is not None

    def _node_key(self, place: Place) -> str:
        return instance_key(names.NODES, names.native_node(place.node))

    # --- Checks -----------------------------------------------------------------------------------------------------

    async def register_check(self, request: Request) -> Response:
        """A check of a service, or of the node."""
        body = body_of(request, CheckBody)
        if not body.name:
            raise Refused(400, "Missing check name")
        if body.status and body.status not in checks.RANK:
            raise Refused(400, "Bad check status")
        place = self._shared.place(request)
        if body.service_id:
            await self._check_of_service(body, place)
        else:
            parsed = checks.parse(body, _id(body), body.name, Site(place.address, place.address))
            await self._check_of_node(parsed.check, place)
        return replies.done()

    async def _check_of_service(self, body: CheckBody, place: Place) -> None:
        each = self._shared.service(place, body.service_id)
        if each is None:
            raise Refused(404, f'ServiceID "{printable(body.service_id, 256)}" does not exist')
        site = Site(place.address, each.entry.record.instance.host)
        check, critical_after = checks.parse(body, _id(body), body.name, site)
        await self._registry.command(
            commands.PutCheck(each.entry.key, 0, b"", self._registry.wall(), check, critical_after)
        )

    async def _check_of_node(self, check: Check, place: Place) -> None:
        if not await self._is_known(place):
            await self._register(replace(_node(place), checks=(check,)), keep=True)
            return
        key = self._node_key(place)
        await self._registry.command(commands.PutCheck(key, 0, b"", self._registry.wall(), check))

    async def deregister_check(self, request: Request) -> Response:
        held = self._held(request)
        command = commands.DropCheck(held.key, 0, b"", self._registry.wall(), held.check.name)
        await self._registry.command(command)
        return replies.done()

    async def passes(self, request: Request) -> Response:
        return await self._push(request, "pass", queries.first(request, "note"))

    async def warns(self, request: Request) -> Response:
        return await self._push(request, "warn", queries.first(request, "note"))

    async def fails(self, request: Request) -> Response:
        return await self._push(request, "fail", queries.first(request, "note"))

    async def update(self, request: Request) -> Response:
        body = body_of(request, CheckUpdate)
        if body.status not in _RESULTS:
            raise Refused(400, f"Invalid check status: '{printable(body.status, 64)}'")
        return await self._push(request, _RESULTS[body.status], body.output)

    async def _push(self, request: Request, result: Result, said: str) -> Response:
        held = self._held(request)
        if not held.check.lapses:
            why = f'CheckID "{held.check.name}" does not have associated TTL'
            raise Refused(500, why, "unknown_check")
        output = printable(said, limits.CHECK_OUTPUT_CHARS)
        await self._registry.push(held.key, 0, b"", held.check.name, result, output)
        return replies.done()

    def _held(self, request: Request) -> FoundCheck:
        """The check of this id on the node that asks. Raises `Refused`."""
        id, place = request.params["id"], self._shared.place(request)
        for each in self._shared.on(place):
            for check in each.entry.record.instance.checks:
                if id in (check.name, check_id(each, check.name)):
                    return FoundCheck(each.entry.key, check)
        node = self._shared.catalog.node_entry(place.node)
        own = node.record.instance.check(id) if node else None
        if node is None or own is None:
            raise unknown_check(id)
        return FoundCheck(node.key, own)


def _node(place: Place) -> Instance:
    return registration.node_of(NodeDetails(place.node, address=place.address), {})


def _id(body: CheckBody) -> str:
    return body.check_id or body.id or body.name


def _maintenance(request: Request) -> tuple[bool, str]:
    """(whether it is to be on, why)."""
    if "enable" not in request.query:
        raise Refused(400, "Missing value for enable")
    text = queries.first(request, "enable")
    if text not in BOOLEANS:
        raise Refused(400, f'Invalid value for enable: "{printable(text, 64)}"')
    return BOOLEANS[text], printable(queries.first(request, "reason"), limits.CHECK_OUTPUT_CHARS)


def unknown_service(id: str) -> Refused:
    hint = "Ensure that the service ID is passed, not the service name."
    return Refused(404, f'Unknown service ID "{printable(id, 256)}". {hint}')


def unknown_check(id: str) -> Refused:
    hint = "Ensure that the check ID is passed, not the check name."
    return Refused(404, f'Unknown check ID "{printable(id, 256)}". {hint}')
