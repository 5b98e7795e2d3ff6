"""How Consul says no: a status and a line of plain text. Clients match on some of the texts, so they are Consul's own."""

from __future__ import annotations

from typing import Final

from muster.model.errors import Rejected, Unavailable
from muster.web.dialect import Dialect
from muster.web.message import Headers, MethodNotAllowed, Request, Response

from . import replies

UNKNOWN_PATH: Final = "Invalid URL path: not a recognized HTTP API endpoint"
_CODES: Final = {400: "invalid_request", 403: "not_owner", 404: "unknown_instance", 500: "invalid_request"}
"""A refusal's code for the metrics."""
_STATUSES: Final[dict[str, int]] = {
    "token_required": 403,
    "token_invalid": 403,
    "not_owner": 403,
    "host_not_allowed": 403,
    "origin_not_allowed": 403,
    "unknown_path": 404,
    "unknown_instance": 404,
    "unknown_check": 404,
    "body_too_large": 413,
    "head_too_large": 431,
    "internal_error": 500,
}
"""code -> status, where it is not 400."""
_TEXTS: Final[dict[str, str]] = {
    "token_required": "Permission denied: anonymous token lacks permission",
    "token_invalid": "ACL not found",
    "not_owner": "Permission denied: another owner guards this id",
    "unknown_path": UNKNOWN_PATH,
}
"""code -> Consul's text, where it has one."""


class Refused(Rejected):
    """A refusal in Consul's own words. `status` is HTTP's; `code` ours, where it does not follow from the status."""

    def __init__(self, status: int, text: str, code: str = "") -> None:
        super().__init__(code or _CODES[status], text)
        self.status = status


def refusal(error: Rejected | Unavailable, headers: Headers) -> Response:
    """Reads that fail with 500 are asked again by Go's client, so that is what "not now" is."""
    if isinstance(error, Unavailable):
        return replies.text(500, f"No cluster leader: {error.detail}")
    if isinstance(error, Refused):
        return replies.text(error.status, error.detail)
    if isinstance(error, MethodNotAllowed):
        return replies.text(405, f"method {error.asked} not allowed", ((b"allow", error.allow.encode()),))
    text = _TEXTS.get(error.code, f"{error.field}: {error.detail}" if error.field else error.detail)
    return replies.text(_STATUSES.get(error.code, 400), text)


def token(request: Request) -> bytes | None:
    """`?token=`, then `X-Consul-Token`, then `Authorization: Bearer`, in Consul's order."""
    asked = request.query.get("token", [""])[0] or request.header(b"x-consul-token")
    if asked:
        return asked.encode()
    scheme, _, bearer = request.header(b"authorization").partition(" ")
    return bearer.strip().encode("latin-1") if scheme.lower() == "bearer" else None


CONSUL: Final = Dialect("consul", refusal, token)
