"""`/v1/catalog/register` and `deregister`: nodes, services and checks that somebody registers for others (external services).

A node that is registered is a record of its own: it stays, with its address and metadata, until it is deregistered. Everything of
a registration is checked before the first of it is written. What is left out of a body is taken from what was registered before,
so that has to be all there is: a replica that is behind catches up first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from muster.core import commands
from muster.core.commands import Command
from muster.model import limits
from muster.model.check import Check, Result
from muster.model.errors import Rejected
from muster.model.instance import Instance
from muster.model.record import instance_key
from muster.web.message import Request, Response

from . import checks, details, names, queries, registration, replies
from .catalog import node_topic
from .details import NodeDetails
from .failures import Refused
from .registration import Place
from .requests import CatalogCheckBody, CatalogDeregister, CatalogRegister
from .shared import Shared, body_of

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RESULTS: Final[dict[str, Result]] = {"passing": "pass", "warning": "warn", "critical": "fail", "": "fail"}


class CatalogWrites:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._registry = shared.registry

    # --- Register ---------------------------------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        body = body_of(request, CatalogRegister)
        namespace = queries.namespace(request)
        try:
            return await self._register(request, body, namespace)
        except Rejected as refused:
            # Consul's servers find what is wrong with it, not its agent: whatever they say comes back as 500.
            raise Refused(500, str(refused)) from None

    async def _register(self, request: Request, body: CatalogRegister, namespace: str) -> Response:
        self._datacenter(request, body.datacenter)
        await self._registry.catch_up()
        place = self._place(body, namespace)
        every = [*([body.check] if body.check else []), *body.checks]
        service = self._service(body, place, every)
        node = self._node(body, place, [check for check in every if not check.service_id])
        others = self._elsewhere(place, service, every)
        found = [self._registration(instance) for instance in (node, service) if instance is not None]
        asked: list[Command] = [*found, *others]
        for command in asked:
            self._registry.writer.foresee(command)
        for command in asked:
            await self._registry.command(command)
        await self._say(place, every)
        return replies.value(True)

    def _datacenter(self, request: Request, named: str) -> None:
        queries.datacenter(request, self._shared.home)
        if named and named != self._shared.home.datacenter:
            raise queries.no_path()

    def _place(self, body: CatalogRegister, namespace: str) -> Place:
        known = self._shared.catalog.node_entry(body.node)
        if not body.node:
            raise Refused(500, "Must provide node")
        if not body.address and not (body.skip_node_update and known):
            raise Refused(500, "Must provide address if SkipNodeUpdate is not set")
        if names.is_any(body.address):
            raise Refused(500, "Invalid node address")
        if body.id and not _UUID.fullmatch(body.id):
            raise Refused(500, "Bad node ID: no UUID")
        for check in (*([body.check] if body.check else []), *body.checks):
            if check.node and check.node.lower() != body.node.lower():
                why = f"Node '{check.node}' for check '{check.check_id or check.name}' doesn't match register request node '{body.node}'"
                raise Refused(500, why)
        address = names.host(body.address, "Invalid node address") if body.address else ""
        if known is not None and body.skip_node_update:
            address = known.record.instance.host
        return Place(namespace, body.node, address, external=True)

    def _service(
        self, body: CatalogRegister, place: Place, every: Iterable[CatalogCheckBody]
    ) -> Instance | None:
        if body.service is None:
            return None
        if not (body.service.service or body.service.name):
            raise Refused(500, "Must provide service name (Service.Service) when service ID is provided")
        instance = registration.instance_of(body.service, place)
        own = body.service.id or body.service.service or body.service.name
        named = tuple(self._check(each) for each in every if each.service_id == own)
        return replace(instance, checks=(*instance.checks, *named))

    def _node(
        self, body: CatalogRegister, place: Place, every: Iterable[CatalogCheckBody]
    ) -> Instance | None:
        """The node's record with the checks that are its own; None if it is to stay as it is."""
        own = tuple(self._check(each) for each in every)
        if len(own) > limits.CHECKS:
            raise Refused(500, f"a node has at most {limits.CHECKS} checks here")
        known = self._shared.catalog.node_entry(place.node)
        if known is not None and body.skip_node_update:
            return replace(known.record.instance, checks=own) if own else None
        said = NodeDetails(
            place.node, body.id, body.address, body.tagged_addresses, external=self._is_external(place.node)
        )
        return replace(registration.node_of(said, body.node_meta), checks=own)

    def _is_external(self, node: str) -> bool:
        """Whether no agent runs there, as far as is known when the node is first registered."""
        known = self._shared.catalog.node_entry(node)
        if known is not None:
            return details.of_node(known.record.instance).external
        return not self._shared.catalog.has_node(node)

    def _elsewhere(
        self, place: Place, service: Instance | None, every: Iterable[CatalogCheckBody]
    ) -> list[commands.PutCheck]:
        """Checks of services that were registered before."""
        found: list[commands.PutCheck] = []
        for each in every:
            key = instance_key(place.namespace, names.native_id(place.node, each.service_id))
            if not each.service_id or (
                service is not None and key == instance_key(place.namespace, service.id)
            ):
                continue
            if self._registry.entry(key) is None:
                why = f"Unknown service ID '{each.service_id}' for check ID '{each.check_id or each.name}'"
                raise Refused(500, why)
            found.append(commands.PutCheck(key, 0, b"", self._registry.wall(), self._check(each)))
        for key, number in Counter(command.key for command in found).items():
            entry = self._registry.entry(key)
            if (
                number > 1
                and entry is not None
                and number + len(entry.record.instance.checks) > limits.CHECKS
            ):
                raise Refused(500, f"a service has at most {limits.CHECKS} checks here")
        return found

    def _check(self, body: CatalogCheckBody) -> Check:
        return checks.fixed(body.check_id or body.name, body.name or body.check_id, body.status, body.notes)

    def _registration(self, instance: Instance) -> commands.Register:
        return commands.Register(instance, "", False, b"", self._registry.wall(), keep_checks=True)

    async def _say(self, place: Place, every: Iterable[CatalogCheckBody]) -> None:
        """What the checks gave as their output is no part of a record: it is told as a result is."""
        for each in every:
            if each.output:
                key = self._key(place, each.service_id)
                result = _RESULTS[each.status]
                await self._registry.push(key, 0, b"", each.check_id or each.name, result, each.output)

    def _key(self, place: Place, service_id: str) -> str:
        if service_id:
            return instance_key(place.namespace, names.native_id(place.node, service_id))
        return instance_key(names.NODES, names.native_node(place.node))

    # --- Deregister -------------------------------------------------------------------------------------------------

    async def deregister(self, request: Request) -> Response:
        """What is not there is deregistered already."""
        body = body_of(request, CatalogDeregister)
        self._datacenter(request, body.datacenter)
        if not body.node:
            raise Refused(500, "Must provide node")
        place = Place(queries.namespace(request), body.node, "")
        await self._registry.catch_up()
        for command in self._leaving(body, place):
            try:
                await self._registry.command(command)
            except Rejected as error:
                if error.code not in ("unknown_instance", "unknown_check"):
                    raise
        return replies.value(True)

    def _leaving(self, body: CatalogDeregister, place: Place) -> list[Command]:
        if body.check_id:
            found = self._with_check(place, body.check_id)
            return [commands.DropCheck(key, 0, b"", self._registry.wall(), body.check_id) for key in found]
        if body.service_id:
            return [commands.Deregister(self._key(place, body.service_id), 0, b"")]
        on_node = self._shared.catalog.instances(node_topic(body.node))
        keys = [each.entry.key for each in on_node if each.said is not None]
        return [commands.Deregister(key, 0, b"") for key in (*keys, self._key(place, ""))]

    def _with_check(self, place: Place, check_id: str) -> list[str]:
        """Whose check it is: the node's, or that of a service on it."""
        node = self._shared.catalog.node_entry(place.node)
        on_node = [each.entry for each in self._shared.catalog.instances(node_topic(place.node))]
        entries = [*([node] if node else []), *on_node]
        return [entry.key for entry in entries if entry.record.instance.check(check_id)]
