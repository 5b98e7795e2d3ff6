"""Small JSON requests to whichever registry answers: stdlib `http.client`, one connection kept.

All requests of the library may be repeated safely (a registration carries its incarnation, the rest says what shall be,
not what to add), so after any doubt the next registry is simply asked. What a registry answers is final unless it is 503,
which says that nothing was done, or another 5xx, which a proxy may have made.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from muster.model import limits, names
from muster.model.errors import invalid
from muster.wire import problem

from . import address, fork
from .address import Registry
from .errors import Refused, Unreachable

JSON: Final = "application/json"
Query = Mapping[str, object]
_FAILURES = (OSError, http.client.HTTPException)


class Access(Struct, frozen=True):
    """What every request needs: the registries, the namespace, the token (asked for each time, since files are rotated),
    and how TLS is verified (None where no registry uses it)."""

    registries: tuple[Registry, ...]
    namespace: str = "default"
    token: Callable[[], str] = str
    tls: ssl.SSLContext | None = None

    def headers(self, secret: str = "") -> dict[str, str]:
        """Raises OSError if the token's file cannot be read."""
        token = self.token()
        named = {"Authorization": f"Bearer {token}"} if token else {}
        return named | ({"Muster-Owner-Secret": secret} if secret else {})

    def target(self, registry: Registry, path: str, query: Query | None = None) -> str:
        """`/v1` and `path` with the namespace and the query. None and empty values are left out; a list is several pairs."""
        pairs = {"namespace": "" if self.namespace == "default" else self.namespace, **(query or {})}
        given = urlencode(
            {name: value for name, value in pairs.items() if value not in (None, "")}, doseq=True
        )
        return f"{registry.prefix}/v1{path}{'?' + given if given else ''}"


def access(
    urls: str | Iterable[str],
    *,
    namespace: str = "default",
    token: str | Path | None = None,
    tls: ssl.SSLContext | None = None,
    static: bool = False,
) -> Access:
    """`token` is the token, or the file it is in; `static`: endpoints that are written down will do. Raises ValueError, or
    `Rejected` for a namespace that cannot be."""
    registries = address.parse_all(urls, static=static)
    if tls is None and any(registry.tls for registry in registries):
        tls = ssl.create_default_context()
    namespace = names.namespace_name(namespace)
    if static and registries[0].static:
        from .static import check  # late: all that is known of registering comes with it

        check(registries, namespace)
    return Access(registries, namespace, _token(token), tls)


def _token(token: str | Path | None) -> Callable[[], str]:
    if isinstance(token, Path):
        path = token
        return lambda: path.read_text().strip()
    return lambda: token or ""


class Request(Struct, frozen=True):
    """`path` follows `/v1`; `body` is encoded as JSON; `timeout` in seconds, None for the usual one; `headers`: further ones."""

    method: str
    path: str
    query: Query = {}
    body: object = None
    secret: str = ""
    timeout: float | None = None
    headers: Mapping[str, str] = {}


class Answer(Struct, frozen=True):
    status: int
    body: bytes
    registry: Registry
    retry_after: float = 0.0


def part(id: str) -> str:
    """An id as one part of a path. Raises `Rejected` for an empty one, which would be another path."""
    if not id:
        raise invalid("instance_id", "is empty")
    return quote(id, safe="")


class Requests:
    """Requests to one set of registries; safe to share between threads, one request at a time."""

    def __init__(self, access: Access, *, timeout: float = limits.CLIENT_REQUEST_S) -> None:
        self._access = access
        self._timeout = timeout
        self._at = 0
        self._kept: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Requests to {self._access.registries[self._at]}>"

    def send(self, request: Request, *, only: Registry | None = None) -> Answer:
        """The first answer that counts, beginning with the registry that gave the last one. `only`: ask no other.

        Raises `Refused` if a registry said no, `Unreachable` if none gave an answer.
        """
        tried: dict[str, str] = {}
        refused: Refused | None = None
        with self._lock:
            for registry in self._order() if only is None else (only,):
                try:
                    answer = self._ask(request, registry)
                except _FAILURES as error:
                    self._drop()
                    tried[registry.url] = str(error) or type(error).__name__
                    continue
                if answer.status < 500:
                    return _accepted(answer)
                refused = _refusal(answer)
                tried[registry.url] = str(refused)
        raise Unreachable(tried, refused)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def anew(self) -> Requests:
        """The same, with nothing open and nobody holding the lock."""
        return Requests(self._access, timeout=self._timeout)

    def disown(self) -> None:
        """In a forked child: the connection is the parent's; let go of the descriptor and say nothing on it."""
        if self._kept is not None and self._kept.sock is not None:
            with contextlib.suppress(OSError):
                os.close(self._kept.sock.detach())

    def _order(self) -> tuple[Registry, ...]:
        known = self._access.registries
        return (*known[self._at :], *known[: self._at])

    def _ask(self, request: Request, registry: Registry) -> Answer:
        connection, kept = self._connection(registry)
        try:
            return self._exchange(connection, request, registry)
        except (ConnectionError, http.client.BadStatusLine):
            if not kept:
                raise
        # The registry had closed the kept connection while it was idle: that says nothing about the registry.
        self._drop()
        connection, _ = self._connection(registry)
        return self._exchange(connection, request, registry)

    def _exchange(
        self, connection: http.client.HTTPConnection, request: Request, registry: Registry
    ) -> Answer:
        content, headers = None, {**request.headers, **self._access.headers(request.secret)}
        if request.body is not None:
            content, headers["Content-Type"] = msgspec.json.encode(request.body), JSON
        if connection.sock is None:
            tls = self._access.tls if registry.tls else None
            connection.sock = fork.connect(registry.host, registry.port, limits.CLIENT_CONNECT_S, tls)
        connection.sock.settimeout(request.timeout or self._timeout)
        connection.request(
            request.method, self._access.target(registry, request.path, request.query), content, headers
        )
        response = connection.getresponse()
        body = response.read(limits.CLIENT_ANSWER_BYTES + 1)
        if len(body) > limits.CLIENT_ANSWER_BYTES:
            raise http.client.HTTPException(f"an answer of more than {limits.CLIENT_ANSWER_BYTES} bytes")
        if response.will_close:
            self._drop()
        if registry in self._access.registries:
            self._at = self._access.registries.index(registry)
        return Answer(response.status, body, registry, _seconds(response.headers.get("Retry-After", "")))

    def _connection(self, registry: Registry) -> tuple[http.client.HTTPConnection, bool]:
        """The kept connection if it leads there, or a new one; and whether it is the kept one."""
        kept = self._kept
        if kept and kept.sock is not None and (kept.host, kept.port) == (registry.host, registry.port):
            return kept, True
        self._drop()
        self._kept = _connection(registry)
        return self._kept, False

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _connection(registry: Registry) -> http.client.HTTPConnection:
    """Not connected yet."""
    kind = http.client.HTTPSConnection if registry.tls else http.client.HTTPConnection
    return kind(registry.host, registry.port)


def refusal(status: int, body: bytes, retry_after: float = 0.0) -> Refused:
    """The problem of an answer of 400 and more, whoever wrote it."""
    found = problem.decode(body)
    if found is None:
        return Refused(status, "unknown", f"an answer that is no problem of Muster's: {body[:80]!r}")
    return Refused(status, found.code, found.detail, found.field, retry_after=retry_after)


def _refusal(answer: Answer) -> Refused:
    return refusal(answer.status, answer.body, answer.retry_after)


def _accepted(answer: Answer) -> Answer:
    if answer.status >= 400:
        raise _refusal(answer)
    return answer


def _seconds(value: str) -> float:
    return float(value) if value.isdecimal() else 0.0
