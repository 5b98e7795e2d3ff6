"""What differs between the dialects that share one port: how they say no, where they look for a token, what a body may be.

Everything else is the same for all: Host and Origin rules, bounds, gzipped bodies, hot path and memo.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from muster.model.errors import Rejected, Unavailable
from muster.web.message import Headers, Request, Response


def bearer(request: Request) -> bytes | None:
    """The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1)."""
    scheme, _, token = request.header(b"authorization").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else None


class Dialect(Struct, frozen=True):
    """`refusal`: the answer to a request with these headers that failed. `token`: what a request shows for one. `media`: the types
    a body may have, in lower case; None for any."""

    name: str
    refusal: Callable[[Rejected | Unavailable, Headers], Response]
    token: Callable[[Request], bytes | None] = bearer
    media: frozenset[str] | None = None
