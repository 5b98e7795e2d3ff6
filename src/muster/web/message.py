"""A request as handlers see it, and what they return. Handlers know nothing of sockets or ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from muster.model import limits, names
from muster.model.errors import Rejected, invalid

Headers = Sequence[tuple[bytes, bytes]]
JSON = b"application/json"


class Connection(Protocol):
    """What a handler may ask of the connection a request came on. `peer` is `address:port`, `source` the address.

    `waiting` is set when there is no use in waiting any longer: the other side is gone, or the registry stops. `gone()`: nothing that
    is said now would be heard.
    """

    peer: str
    source: str
    waiting: asyncio.Event | None

    def gone(self) -> bool: ...


class Request(Struct):
    """One request. `params` are the path's, decoded; header names are in lower case."""

    method: str
    path: str
    raw_query: bytes
    headers: Headers
    body: bytes
    params: Mapping[str, str]
    connection: Connection
    _query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """Parsed once. Raises `Rejected` on a query that is not UTF-8 or has too many parts."""
        if self._query is None:
            self._query = parse_query(self.raw_query)
        return self._query

    def header(self, name: bytes) -> str:
        """The first header called `name` (lower case), or ""."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def one(self, name: str, default: str = "") -> str:
        """A query parameter that may be given once."""
        values = self.query.get(name)
        if values is None:
            return default
        if len(values) != 1:
            raise invalid(name, "may be given once")
        return values[0]

    def number(self, name: str) -> int | None:
        value = self.one(name)
        if not value:
            return None
        if not value.isdecimal() or len(value) > limits.NUMBER_DIGITS:
            raise invalid(name, "must be a number")
        return int(value)

    @property
    def namespace(self) -> str:
        return names.namespace_name(self.one("namespace", "default"))

    def only(self, *known: str) -> None:
        """Refuse parameters that would be ignored: a misspelt filter must not read as 'everything'."""
        for name in self.query:
            if name not in known and name != "namespace":
                raise invalid(names.printable(name, 64), "is not a parameter here")


def parse_query(raw: bytes) -> dict[str, list[str]]:
    if not raw:
        return {}
    try:
        return parse_qs(
            raw.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=limits.QUERY_FIELDS,
            errors="strict",
        )
    except UnicodeDecodeError:
        raise Rejected("invalid_request", "the query is not UTF-8") from None
    except ValueError:
        raise Rejected("invalid_request", f"the query has over {limits.QUERY_FIELDS} parts") from None


class Response(Struct, frozen=True):
    """A whole answer. `headers` are further ones; content type and length follow from `body` and `media`."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    media: bytes = JSON

    def head(self) -> list[tuple[bytes, bytes]]:
        head = [(b"content-length", b"%d" % len(self.body))] if self.status not in (204, 304) else []
        if self.body:
            head.insert(0, (b"content-type", self.media))
        return [*head, *self.headers]


class Download(Struct, frozen=True):
    """A long answer, sent piece by piece."""

    pieces: AsyncIterator[bytes]
    headers: Headers
    media: bytes = b"application/octet-stream"


_encoder = msgspec.json.Encoder()


def answer(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """`value` as JSON."""
    return Response(status, _encoder.encode(value), headers)


NO_CONTENT = Response(204)


class MethodNotAllowed(Rejected):
    """`asked`: the method that is not among them; `allow`: those there are, which RFC 9110 section 15.5.6 wants said in a header."""

    def __init__(self, asked: str, methods: Collection[str]) -> None:
        self.asked = asked
        self.allow = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
        super().__init__("method_not_allowed", f"allowed here: {self.allow}")


def encode(response: Response, date: bytes, *, close: bool = False, head_only: bool = False) -> bytes:
    """The answer's bytes for HTTP/1.1. `date` is a ready header line."""
    lines = [STATUS_LINES[response.status], date]
    lines += [b"%s: %s\r\n" % header for header in response.head()]
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"\r\n")
    if not head_only:
        lines.append(response.body)
    return b"".join(lines)


STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
