"""RFC 9457 problem bodies: what an edge says when something was refused or could not be done."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from muster.model.errors import CODES

MEDIA_TYPE = "application/problem+json"


class Problem(Struct, frozen=True, omit_defaults=True):
    """`type` is stable and resolvable in the docs; `code` is the same as a bare word; `field` names the offending part."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None


def problem(code: str, detail: str, field: str | None = None) -> Problem:
    status, title = CODES[code]
    return Problem(f"urn:muster:problem:{code}", title, status, code, detail, field)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Problem)


def encode(value: Problem) -> bytes:
    return _encoder.encode(value)


def decode(body: bytes) -> Problem | None:
    """None if `body` is no problem of ours (a proxy's error page, say)."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
