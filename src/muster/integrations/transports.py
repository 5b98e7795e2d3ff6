"""What the transports for httpx and httpx2 share, which is everything but their base classes: both libraries have the same names
for the same things.

A request says more about its call by `extensions={"muster": {...}}`, with the arguments of `Discovery.call`: `port`, `key`,
`subset`, `idempotent`, `timeout`. Its answer says who gave it: `response.extensions["muster"]` is the endpoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import lru_cache, partial
from typing import Any, ClassVar, Final

from msgspec import Struct

from muster.client.call import Call
from muster.client.discovery import Discovery
from muster.client.errors import NoEndpoint
from muster.model import limits
from muster.policy import retry
from muster.policy.outcome import Outcome
from muster.policy.rotation import Key

from . import steps
from .naming import scheme_of, service_of
from .steps import Outcomes, Send, Step, run, run_async

EXTENSION: Final = "muster"
KeyOf = Callable[[Any], Key | None]
"""The key of a request, for policies that go by one."""

_OUTCOMES: Final = (
    ("ConnectError", Outcome.CONNECT),
    ("ConnectTimeout", Outcome.CONNECT),
    ("PoolTimeout", Outcome.CANCELLED),
    ("TimeoutException", Outcome.TIMEOUT),
    ("NetworkError", Outcome.RESET),
    ("RemoteProtocolError", Outcome.RESET),
)
"""The library's exceptions by name, the particular before the general. No connection of our own was free (`PoolTimeout`): that
says nothing of the instance."""


class Answered(Struct, frozen=True):
    response: Any

    @property
    def status(self) -> int:
        status: int = self.response.status_code
        return status

    def header(self, name: str) -> str | None:
        value: str | None = self.response.headers.get(name)
        return value


class Balancing:
    """`library` is the module httpx or httpx2. `port`: the name of the port called; `key`: of a request."""

    def __init__(
        self, library: Any, discovery: Discovery, *, port: str | None = None, key: KeyOf | None = None
    ) -> None:
        self._library = library
        self._discovery = discovery
        self._port = port
        self._key = key
        self._located = lru_cache(limits.CLIENT_URLS)(partial(_located, library))
        self._table = tuple((getattr(library, name), outcome) for name, outcome in _OUTCOMES)

    def __repr__(self) -> str:
        return f"<Balancing for {self._library.__name__} by {self._discovery!r}>"

    def steps(self, request: Any) -> Generator[Step, Any, tuple[Answered, Call]]:
        """Raises the library's `ConnectError` if there is nobody to send it to."""
        try:
            return (
                yield from steps.exchange(
                    self._call(request), self.outcome, replayable=self._replayable(request)
                )
            )
        except NoEndpoint as nobody:
            raise self._library.ConnectError(str(nobody), request=request) from nobody

    def addressed(self, request: Any, step: Send) -> Any:
        """The request as one instance gets it. `Host` stays what the caller wrote, and so does the name that TLS asks for."""
        endpoint, url = step.endpoint, request.url
        told = {**request.extensions, "timeout": _timeouts(request.extensions.get("timeout") or {}, step)}
        if url.scheme == "https":
            told.setdefault("sni_hostname", url.host)
        where = self._located(scheme_of(url.scheme), url.raw_path, endpoint.host, endpoint.port)
        return self._library.Request(
            request.method, where, headers=request.headers, stream=request.stream, extensions=told
        )

    def outcome(self, error: Exception) -> Outcome | None:
        return next((outcome for kind, outcome in self._table if isinstance(error, kind)), None)

    def _call(self, request: Any) -> Call:
        told = dict(request.extensions.get(EXTENSION) or {})
        told.setdefault("port", self._port)
        told.setdefault("idempotent", retry.idempotent(request.method, request.headers))
        if self._key is not None:
            told.setdefault("key", self._key(request))
        return self._discovery.call(service_of(request.url.host), headers=request.headers, **told)

    def _replayable(self, request: Any) -> bool:
        """A body that is there in whole, or none."""
        return isinstance(request.stream, self._library.ByteStream)


class Blocking:
    """A transport for threads. `transport`: what sends, the library's own if nothing is said; it is closed with this one. `port`:
    the name of the port to call; None: each instance's first. `key`: of a request, for policies that go by keys."""

    library: ClassVar[Any]
    body: ClassVar[Any]

    def __init__(
        self,
        discovery: Discovery,
        transport: Any = None,
        *,
        port: str | None = None,
        key: KeyOf | None = None,
    ) -> None:
        self._inner = transport or self.library.HTTPTransport()
        self._balancing = Balancing(self.library, discovery, port=port, key=key)

    def handle_request(self, request: Any) -> Any:
        def send(step: Send) -> Answered:
            response = self._inner.handle_request(self._balancing.addressed(request, step))
            response.extensions[EXTENSION] = step.endpoint
            return Answered(response)

        answer, call = run(self._balancing.steps(request), send, lambda answer: answer.response.close())
        answer.response.stream = self.body(answer.response.stream, call, self._balancing.outcome)
        return answer.response

    def close(self) -> None:
        self._inner.close()


class Looping:
    """A transport for a loop; the rest as in `Blocking`."""

    library: ClassVar[Any]
    body: ClassVar[Any]

    def __init__(
        self,
        discovery: Discovery,
        transport: Any = None,
        *,
        port: str | None = None,
        key: KeyOf | None = None,
    ) -> None:
        self._inner = transport or self.library.AsyncHTTPTransport()
        self._balancing = Balancing(self.library, discovery, port=port, key=key)

    async def handle_async_request(self, request: Any) -> Any:
        async def send(step: Send) -> Answered:
            response = await self._inner.handle_async_request(self._balancing.addressed(request, step))
            response.extensions[EXTENSION] = step.endpoint
            return Answered(response)

        async def discard(answer: Answered) -> None:
            await answer.response.aclose()

        answer, call = await run_async(self._balancing.steps(request), send, discard)
        answer.response.stream = self.body(answer.response.stream, call, self._balancing.outcome)
        return answer.response

    async def aclose(self) -> None:
        await self._inner.aclose()


class BlockingBody:
    """The call is under way until its answer has been read, and has failed if that breaks."""

    def __init__(self, stream: Any, call: Call, outcomes: Outcomes) -> None:
        self._stream = stream
        self._call = call
        self._outcomes = outcomes

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except Exception as error:
            self._call.finish(self._outcomes(error) or Outcome.RESET)
            raise

    def close(self) -> None:
        self._stream.close()
        self._call.finish()


class LoopingBody:
    def __init__(self, stream: Any, call: Call, outcomes: Outcomes) -> None:
        self._stream = stream
        self._call = call
        self._outcomes = outcomes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except Exception as error:
            self._call.finish(self._outcomes(error) or Outcome.RESET)
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._call.finish()


def _located(library: Any, scheme: str, raw_path: bytes, host: str, port: int) -> Any:
    """Making a URL costs as much as all the rest that is done here."""
    return library.URL(scheme=scheme, host=host, port=port, raw_path=raw_path)


def _timeouts(told: dict[str, float | None], step: Send) -> dict[str, float | None]:
    """The caller's own, within what the policy leaves. `pool` is how long it waits for a connection of its own."""
    bounds = {"connect": step.connect, "read": step.patience, "write": step.patience}
    return told | {name: _least(told.get(name), bound, step.patience) for name, bound in bounds.items()}


def _least(*bounds: float | None) -> float | None:
    return min((bound for bound in bounds if bound is not None), default=None)
