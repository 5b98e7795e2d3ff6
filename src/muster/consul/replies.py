"""Answers as Consul's agents give them: JSON, plain text or nothing, and the headers that stand on every one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from muster.model import names
from muster.web.message import JSON, Headers, Response

TEXT: Final = b"text/plain; charset=utf-8"
EVERY: Final[Headers] = ((b"vary", b"Accept-Encoding"), (b"x-consul-default-acl-policy", b"allow"))
_LONGEST_TEXT: Final = 1000

_encoder: Final = msgspec.json.Encoder()


def done() -> Response:
    """Nothing to say but that it is done. A type stands there even so."""
    return Response(200, b"", (*EVERY, (b"content-type", TEXT)))


def value(shown: Any) -> Response:
    return encoded(_encoder.encode(shown))


def encoded(body: bytes, status: int = 200, headers: Headers = (), media: bytes = JSON) -> Response:
    return Response(status, body, (*EVERY, *headers), media)


def text(status: int, line: str, headers: Headers = ()) -> Response:
    """One line, whatever is in it."""
    return encoded(names.printable(line, _LONGEST_TEXT).encode(), status, headers, TEXT)
