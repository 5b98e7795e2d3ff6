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

from .naming import scheme_of, service_of
from .steps import Send, Step, exchange, run, run_async

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
        """Raises `NoEndpoint`, then or while it goes on."""
        return exchange(self._call(request), self.outcome, replayable=self._replayable(request))

    def nobody(self, why: NoEndpoint, request: Any) -> Exception:
        """What the library would raise if it found nobody."""
        error: Exception = self._library.ConnectError(str(why), request=request)
        return error

    def addressed(self, request: Any, step: Send) -> Any:
        """The request as one instance gets it. `Host` stays what the caller wrote, and so does the name that TLS asks for.

        All else is the request's own: to make another one from its parts would take as long as all the rest that is done here.
        """
        endpoint, url, extensions = step.endpoint, request.url, request.extensions
        extensions = {**extensions, "timeout": _timeouts(extensions.get("timeout") or {}, step)}
        scheme = url.scheme
        if scheme == "https":
            extensions.setdefault("sni_hostname", url.host)
        sent = object.__new__(self._library.Request)
        sent.method, sent.headers, sent.stream = request.method, request.headers, request.stream
        if step.attempt.span is not None:
            sent.headers = request.headers.copy()
            sent.headers.update(step.headers)
        sent.url = self._located(scheme, url.raw_path, endpoint.host, endpoint.port)
        sent.extensions = extensions
        return sent

    def outcome(self, error: Exception) -> Outcome | None:
        return next((outcome for kind, outcome in self._table if isinstance(error, kind)), None)

    def broken(self, error: BaseException) -> Outcome:
        """What ended an answer before its end. A reader that was cancelled says nothing of it, good or bad."""
        return self.outcome(error) or Outcome.RESET if isinstance(error, Exception) else Outcome.CANCELLED

    def _call(self, request: Any) -> Call:
        headers, service = request.headers, service_of(request.url.host)
        idempotent = retry.idempotent(request.method, headers)
        key = None if self._key is None else self._key(request)
        own = request.extensions.get(EXTENSION)
        if own is None:
            return self._discovery.call(service, self._port, idempotent=idempotent, key=key, headers=headers)
        usual = {"port": self._port, "idempotent": idempotent, "key": key, "headers": headers}
        return self._discovery.call(service, **usual | own)

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
        try:
            answer, call = run(self._balancing.steps(request), partial(self._send, request), _close)
        except NoEndpoint as why:
            raise self._balancing.nobody(why, request) from why
        answer.response.stream = self.body(answer.response.stream, call, self._balancing)
        return answer.response

    def close(self) -> None:
        self._inner.close()

    def _send(self, request: Any, step: Send) -> Answered:
        response = self._inner.handle_request(self._balancing.addressed(request, step))
        response.extensions[EXTENSION] = step.endpoint
        return Answered(response)


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
        send = partial(self._send, request)
        try:
            answer, call = await run_async(self._balancing.steps(request), send, _aclose, _sleep)
        except NoEndpoint as why:
            raise self._balancing.nobody(why, request) from why
        answer.response.stream = self.body(answer.response.stream, call, self._balancing)
        return answer.response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _send(self, request: Any, step: Send) -> Answered:
        response = await self._inner.handle_async_request(self._balancing.addressed(request, step))
        response.extensions[EXTENSION] = step.endpoint
        return Answered(response)


class BlockingBody:
    """The call is under way until its answer has been read, and has failed if that breaks. Then it is let go of: answers are in
    cycles, and what hangs on them waits for the collector. One that nobody closes is over when it is collected."""

    def __init__(self, stream: Any, call: Call, balancing: Balancing) -> None:
        self._stream = stream
        self._call: Call | None = call
        self._balancing = balancing

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except GeneratorExit:  # the reader has read enough, and will close this
            raise
        except BaseException as error:
            self._finish(self._balancing.broken(error))
            raise

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._finish(Outcome.SUCCESS)

    def __del__(self) -> None:
        self._finish(Outcome.CANCELLED)

    def _finish(self, outcome: Outcome) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.finish(outcome)


class LoopingBody:
    """The same, for a loop."""

    def __init__(self, stream: Any, call: Call, balancing: Balancing) -> None:
        self._stream = stream
        self._call: Call | None = call
        self._balancing = balancing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except GeneratorExit:  # the reader has read enough, and will close this
            raise
        except BaseException as error:
            self._finish(self._balancing.broken(error))
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._finish(Outcome.SUCCESS)

    def __del__(self) -> None:
        self._finish(Outcome.CANCELLED)

    def _finish(self, outcome: Outcome) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.finish(outcome)


def _close(answer: Answered) -> None:
    answer.response.close()


async def _aclose(answer: Answered) -> None:
    await answer.response.aclose()


async def _sleep(seconds: float) -> None:
    """On asyncio or trio: both libraries run on either, by anyio."""
    import anyio

    await anyio.sleep(seconds)


def _located(library: Any, scheme: str, raw_path: bytes, host: str, port: int) -> Any:
    """Making a URL costs as much as all the rest that is done here."""
    return library.URL(scheme=scheme_of(scheme), host=host, port=port, raw_path=raw_path)


def _timeouts(given: dict[str, float | None], step: Send) -> dict[str, float | None]:
    """The caller's own, within what the policy leaves. `pool` is how long it waits for a connection of its own."""
    connect, read, write = given.get("connect"), given.get("read"), given.get("write")
    if connect == 0 or read == 0 or write == 0:
        raise ValueError(
            "a timeout of 0 s is no time at all, and None is no limit"
        )  # for sockets it means: do not wait
    left, quiet = step.patience, step.silence
    if quiet is None or (left is not None and left < quiet):
        quiet = left
    if quiet is not None:
        read = quiet if read is None or quiet < read else read
        write = quiet if write is None or quiet < write else write
    granted = step.connect if left is None or step.connect < left else left
    connect = granted if connect is None or granted < connect else connect
    return {**given, "connect": connect, "read": read, "write": write}
