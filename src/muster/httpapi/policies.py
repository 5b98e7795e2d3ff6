"""Handlers of traffic policies: read, write if nobody else did meanwhile, remove."""

from __future__ import annotations

import msgspec

from muster.core.state import ServiceKey
from muster.httpapi import bodies
from muster.model import limits, names
from muster.model.errors import invalid
from muster.registry.policies import PolicyEntry, unknown
from muster.registry.registry import Registry
from muster.web.message import NO_CONTENT, Request, Response, answer
from muster.wire import policy as wire


class Policies:
    def __init__(self, registry: Registry, *, dots: bool) -> None:
        self._registry = registry
        self._dots = dots

    def read(self, request: Request) -> Response:
        request.only()
        service = self._service(request)
        held = self._registry.policies.get(service)
        if held is None:
            raise unknown(service)
        etag = _etag(held)
        if etag in request.header(b"if-none-match"):
            return Response(304, headers=((b"etag", etag.encode()),))
        return _answer(service, held)

    async def write(self, request: Request) -> Response:
        """The whole document: what it leaves out has its default. Kept in its shortest form."""
        request.only()
        service = self._service(request)
        document = wire.encode(wire.decode(request.body))
        held = await self._registry.put_policy(service, document, _expected(request))
        return _answer(service, held)

    async def remove(self, request: Request) -> Response:
        request.only()
        await self._registry.remove_policy(self._service(request), _expected(request))
        return NO_CONTENT

    def _service(self, request: Request) -> ServiceKey:
        return ServiceKey(request.namespace, names.service_name(request.params["service"], dots=self._dots))


def _answer(service: ServiceKey, held: PolicyEntry) -> Response:
    assert held.document is not None
    body = bodies.ServicePolicy(service.name, service.namespace, held.revision, msgspec.Raw(held.document))
    return answer(body, headers=((b"etag", _etag(held).encode()),))


def _etag(held: PolicyEntry) -> str:
    return f'"{held.revision}"'


def _expected(request: Request) -> int | None:
    """The revision that must be there (RFC 9110, section 13.1): `If-Match: "17"`, or `If-None-Match: *` for none at all."""
    if request.header(b"if-none-match") == "*":
        return 0
    condition = request.header(b"if-match")
    if condition in ("", "*"):
        return None
    number = condition.removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > limits.NUMBER_DIGITS:
        raise invalid("If-Match", 'must be the revision that was read, such as "17"')
    return int(number)
