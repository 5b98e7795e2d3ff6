"""requests: an adapter that finds, chooses and retries.

    with muster.Discovery.from_env(["inventory"]) as discovery, requests.Session() as session:
        session.mount("http+svc://", Adapter(discovery))
        session.get("http+svc://inventory/stock", timeout=5)

requests looks for the beginning of a URL, hence the scheme; `https+svc://` is its like, and `http://inventory.svc` can be mounted
for one service. Exceptions are requests' own; nobody to call is a `ConnectionError` whose cause is `muster.NoEndpoint`. The retries
are the policy's, not urllib3's. `response.endpoint` tells who answered. A redirect to the service itself is a call of it, too.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests  # noqa: TID251 - the client that this is for
from msgspec import Struct
from requests.adapters import HTTPAdapter  # noqa: TID251
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from muster.client.discovery import Discovery
from muster.client.errors import NoEndpoint
from muster.policy import retry
from muster.policy.outcome import Outcome
from muster.policy.rotation import Key

from .naming import scheme_of, service_of
from .steps import Send, exchange, run

KeyOf = Callable[[requests.PreparedRequest], Key | None]
_UNCONNECTED: Final = (NewConnectionError, ConnectTimeoutError)


class Adapter(HTTPAdapter):
    """`port`: the name of the port to call; None: each instance's first. `key`: of a request, for policies that go by keys.
    `options`: those of `HTTPAdapter`."""

    def __init__(
        self, discovery: Discovery, *, port: str | None = None, key: KeyOf | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._discovery = discovery
        self._port = port
        self._key = key

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        def attempt(step: Send) -> _Answered:
            sent = _addressed(request, step)
            bounds = _timeouts(timeout, step)
            response = super(Adapter, self).send(sent, stream, bounds, verify, cert, proxies)
            if not stream:
                _ = response.content  # read here, so that a body that breaks counts
            response.request, response.url = request, request.url or ""
            vars(response)["endpoint"] = step.endpoint  # told to whoever asks
            if response.is_redirect:
                response.headers["Location"] = _led(
                    response.headers["Location"], response.url, sent.headers["Host"]
                )
            return _Answered(response)

        try:
            call = self._call(request)
            replayable = request.body is None or isinstance(request.body, str | bytes)
            steps = exchange(call, outcome, replayable=replayable)
            answer, call = run(steps, attempt, lambda answer: answer.response.close())
        except NoEndpoint as nobody:
            raise requests.ConnectionError(str(nobody), request=request) from nobody
        call.finish()
        response: requests.Response = answer.response
        return response

    def _call(self, request: requests.PreparedRequest) -> Any:
        headers = dict(request.headers)
        return self._discovery.call(
            service_of(urlsplit(request.url or "").hostname or ""),
            self._port,
            idempotent=retry.idempotent(request.method or "GET", headers),
            key=self._key(request) if self._key else None,
            headers=headers,
        )


class _Answered(Struct, frozen=True):
    response: requests.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name)


def outcome(error: Exception) -> Outcome | None:
    """What an exception of requests' says of the instance. None: it is not one of those."""
    match error:
        case requests.ConnectTimeout():
            return Outcome.CONNECT
        case requests.Timeout():
            return Outcome.TIMEOUT
        case requests.ConnectionError() if _never_connected(error):
            return Outcome.CONNECT
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return Outcome.RESET
        case _:
            return None


def _never_connected(error: requests.ConnectionError) -> bool:
    """So that nothing was sent. When TLS fails otherwise, nobody can tell whether that was before the request or after it."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    untrusted = isinstance(reason, SSLError) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return untrusted or isinstance(reason, _UNCONNECTED)


def _addressed(request: requests.PreparedRequest, step: Send) -> requests.PreparedRequest:
    """The request as one instance gets it: `Host` stays what the caller wrote."""
    sent, url = request.copy(), urlsplit(request.url or "")
    sent.url = urlunsplit((scheme_of(url.scheme), step.endpoint.address, url.path or "/", url.query, ""))
    sent.headers.setdefault("Host", url.netloc.rpartition("@")[2])
    sent.headers.update(step.headers)
    return sent


def _led(location: str, url: str, host: str) -> str:
    """Where a redirect leads, as a URL of the scheme that was asked for if that is the service again. requests would join it to `url`,
    of whose scheme the standard library knows nothing; and an instance knows itself by the name in `Host`."""
    asked = urlsplit(url)
    scheme = scheme_of(asked.scheme)
    if scheme == asked.scheme:
        return location
    led = urlsplit(urljoin(urlunsplit(asked._replace(scheme=scheme)), location))
    ours = led.scheme == scheme and led.netloc.lower() in (asked.netloc.lower(), host.lower())
    return urlunsplit(led._replace(scheme=asked.scheme, netloc=asked.netloc) if ours else led)


def _timeouts(given: Any, step: Send) -> Any:
    """(connect, read) of the caller, within what the policy leaves."""
    connect, read = given if isinstance(given, tuple) and len(given) == 2 else (given, given)
    for each in (connect, read):
        if each is not None and not isinstance(each, int | float):
            raise ValueError(f"timeout is a number of seconds or (connect, read), not {given!r}")
    bounds = ((connect, step.connect, step.patience), (read, step.patience, step.silence))
    first, second = (min((b for b in bound if b is not None), default=None) for bound in bounds)
    return first, second
