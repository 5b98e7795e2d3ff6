"""How the native API says no: problems of RFC 9457, with a code that programs can rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from muster.model import names
from muster.model.errors import CODES, Rejected, Unavailable
from muster.web.dialect import Dialect
from muster.web.message import Headers, MethodNotAllowed, Response
from muster.wire import problem as problems


def refusal(error: Rejected | Unavailable, extra: Mapping[str, Any] | None = None) -> Response:
    """The problem of an error. `extra` are extension members (RFC 9457 section 3.2)."""
    status, _ = CODES[error.code]
    field = error.field if isinstance(error, Rejected) else None
    problem = problems.problem(error.code, names.printable(error.detail, 1000), field)
    body = problems.encode(problem)
    if extra:
        body = msgspec.json.encode({**msgspec.json.decode(body), **extra})
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if error.code == "token_required":
        headers.append((b"www-authenticate", b'Bearer realm="muster"'))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allow.encode()))
    return Response(status, body, headers, problems.MEDIA_TYPE.encode())


def _refusal(error: Rejected | Unavailable, headers: Headers) -> Response:
    return refusal(error)


NATIVE = Dialect("native", _refusal, media=frozenset({"application/json"}))
