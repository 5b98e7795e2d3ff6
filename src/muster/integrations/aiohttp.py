"""aiohttp: a client middleware that finds, chooses and retries.

    async with muster.Discovery.from_env(["inventory"]) as discovery:
        async with aiohttp.ClientSession(middlewares=[Middleware(discovery)]) as session:
            async with session.get("http://inventory.svc/stock") as answer:
                ...

Hosts that end in `.svc` are services; all others are left alone. Exceptions are aiohttp's own; nobody to call is a
`ClientConnectionError` whose cause is `muster.NoEndpoint`. The call counts as over when its answer begins: aiohttp tells nobody
when a body has been read. Needs aiohttp 3.12, which brought client middlewares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from msgspec import Struct

from muster.client.call import Call
from muster.client.discovery import Discovery
from muster.client.errors import NoEndpoint
from muster.policy import retry
from muster.policy.outcome import Outcome
from muster.policy.rotation import Key

from .naming import SUFFIX, service_of
from .steps import Send, exchange, run_async

KeyOf = Callable[[ClientRequest], Key | None]

_OUTCOMES: Final[tuple[tuple[type[Exception], Outcome], ...]] = (
    (aiohttp.ClientConnectorError, Outcome.CONNECT),
    (aiohttp.ConnectionTimeoutError, Outcome.CONNECT),
    (TimeoutError, Outcome.TIMEOUT),
    (aiohttp.ClientConnectionError, Outcome.RESET),
    (aiohttp.ClientPayloadError, Outcome.RESET),
)
"""The particular before the general."""


class Middleware:
    """`port`: the name of the port to call; None: each instance's first. `key`: of a request, for policies that go by keys."""

    def __init__(self, discovery: Discovery, *, port: str | None = None, key: KeyOf | None = None) -> None:
        self._discovery = discovery
        self._port = port
        self._key = key

    def __repr__(self) -> str:
        return f"<Middleware by {self._discovery!r}>"

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url = request.url
        if not (url.host or "").endswith(SUFFIX):
            return await handler(request)

        async def send(step: Send) -> _Answered:
            request.url = url.with_host(step.endpoint.host).with_port(step.endpoint.port)
            request.headers.update(step.headers)
            async with asyncio.timeout(step.patience):
                return _Answered(await handler(request))

        async def discard(answer: _Answered) -> None:
            answer.response.release()

        try:
            steps = exchange(self._call(request), outcome, replayable=_replayable(request))
            answer, call = await run_async(steps, send, discard, asyncio.sleep)
        except NoEndpoint as nobody:
            raise aiohttp.ClientConnectionError(str(nobody)) from nobody
        finally:
            request.url = url
        call.finish()
        response: ClientResponse = answer.response
        return response

    def _call(self, request: ClientRequest) -> Call:
        return self._discovery.call(
            service_of(request.url.host or ""),
            self._port,
            idempotent=retry.idempotent(request.method, request.headers),
            key=self._key(request) if self._key else None,
            headers=request.headers,
        )


class _Answered(Struct, frozen=True):
    response: ClientResponse

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name)


def outcome(error: Exception) -> Outcome | None:
    """What an exception says of the instance. None: it is none of the network's."""
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), None)


def _replayable(request: ClientRequest) -> bool:
    """A body that is there in whole, or none."""
    return isinstance(request.body, bytes | aiohttp.payload.BytesPayload)
