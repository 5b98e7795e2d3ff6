"""A long answer of the registry, read piece by piece."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from muster.client.address import Registry
from muster.client.http import Access, refusal
from muster.model import limits

from .failures import Failure, of_refusal, unreachable

READ_BYTES = 256 * 1024
REFUSAL_BYTES = 64 * 1024
_FAILURES = (OSError, http.client.HTTPException)


class Download:
    """An answer that has begun. `total` is its size in bytes, if it was told."""

    def __init__(self, registry: Registry, response: http.client.HTTPResponse) -> None:
        self._registry = registry
        self._response = response
        self.total = response.length

    def __repr__(self) -> str:
        return f"<Download {self.total} bytes from {self._registry}>"

    def pieces(self) -> Iterator[bytes]:
        """Raises `Failure` if the answer ends too early."""
        while piece := self._read():
            yield piece
        if self._response.length:
            raise self._broken(f"{self._response.length} bytes are missing")

    def _read(self) -> bytes:
        try:
            return self._response.read(READ_BYTES)
        except _FAILURES as error:
            raise self._broken(str(error) or type(error).__name__) from None

    def _broken(self, why: str) -> Failure:
        return unreachable({self._registry.url: f"the answer broke off: {why}"})


def begin(access: Access, path: str) -> Download:
    """GET `path` from the first registry that is there. Raises `Failure`."""
    tried: dict[str, str] = {}
    for registry in access.registries:
        try:
            response = _ask(access, registry, path)
        except _FAILURES as error:
            tried[registry.url] = str(error) or type(error).__name__
            continue
        if response.status != http.HTTPStatus.OK:
            raise of_refusal(refusal(response.status, response.read(REFUSAL_BYTES)))
        return Download(registry, response)
    raise unreachable(tried)


def _ask(access: Access, registry: Registry, path: str) -> http.client.HTTPResponse:
    timeout = limits.CLIENT_REQUEST_S
    connection = (
        http.client.HTTPSConnection(registry.host, registry.port, timeout=timeout, context=access.tls)
        if registry.tls
        else http.client.HTTPConnection(registry.host, registry.port, timeout=timeout)
    )
    connection.request("GET", access.target(registry, path), headers=access.headers())
    return connection.getresponse()
