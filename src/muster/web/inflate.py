"""Request bodies that were sent compressed (RFC 9110 section 8.4), within the bound their route has for the plain ones."""

from __future__ import annotations

import zlib

from muster.model.errors import Rejected
from muster.web.message import Request

GZIP_WINDOW = 31
"""zlib's way to say: with a gzip header and checksum, window of any size."""


def plain(request: Request, limit: int) -> bytes:
    """The body as it was before its Content-Encoding: gzip or none. Raises `Rejected`."""
    coding = request.header(b"content-encoding").strip().lower()
    if coding in ("", "identity"):
        return request.body
    if coding not in ("gzip", "x-gzip"):
        raise Rejected("media_type", "a body may be compressed with gzip, and with nothing else")
    stream = zlib.decompressobj(GZIP_WINDOW)
    try:
        body = stream.decompress(request.body, limit + 1)
    except zlib.error:
        raise Rejected("invalid_request", "the body is not gzip") from None
    if len(body) > limit:
        raise too_large(limit)
    if not stream.eof or stream.unused_data:
        raise Rejected("invalid_request", "the body is not one whole gzip stream")
    return body


def too_large(limit: int) -> Rejected:
    return Rejected("body_too_large", f"a body here has at most {limit} bytes")
