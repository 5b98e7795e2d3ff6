"""The three ways a request can fail, and every stable error code.

    Rejected      theirs: the request cannot be granted; asking again the same way fails the same way
    Unavailable   ours: nothing was done; ask again, perhaps elsewhere
    anything else a bug: it is not caught, it stops loudly

`CODES` is the one table from code to HTTP status; edges map it to their protocols and the docs print it.
"""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[int, str]]] = {
    "invalid_request": (400, "The request is malformed; `field` names the part, where there is one."),
    "invalid_json": (400, "The body is not the JSON expected here."),
    "token_required": (401, "Writing needs a token: `Authorization: Bearer ...`."),
    "token_invalid": (403, "This token is not known."),
    "not_owner": (403, "The id is guarded by an owner secret, and the one sent does not match."),
    "host_not_allowed": (
        403,
        "The Host header names none of this registry's names (protection against DNS rebinding).",
    ),
    "origin_not_allowed": (403, "A page of another origin asked for a change."),
    "unknown_instance": (404, "No such instance: register (again)."),
    "unknown_service": (404, "No service of this name has any instance."),
    "unknown_check": (404, "The instance has no such check."),
    "unknown_policy": (404, "The service has no traffic policy of its own; the defaults hold."),
    "unknown_path": (404, "No such route."),
    "method_not_allowed": (405, "The route exists, the method does not."),
    "superseded": (409, "A newer incarnation holds this id: stop, do not register again."),
    "draining": (409, "The instance is draining; it takes no part any more."),
    "not_static": (409, "Only an instance without a lease can do this."),
    "not_held": (409, "There is no hold to end."),
    "changed_meanwhile": (412, "What was to be changed is not at the revision named: read it again."),
    "body_too_large": (413, "The body is over the limit."),
    "media_type": (415, "A body here is `application/json`."),
    "head_too_large": (431, "The request's head is over the limit."),
    "limit_reached": (422, "A limit of the registry is reached; `field` names it."),
    "too_many_reports": (429, "This source, or this instance, has used up its budget of suspicions."),
    "internal_error": (500, "A bug in the registry; its log has the trace."),
    "store_unavailable": (503, "The store cannot write now; reads, watches and heartbeats go on."),
    "overloaded": (503, "Too much is waiting; ask again a little later."),
    "unsettled": (503, "The registry is too young to say that there is nothing; ask again in a few seconds."),
    "try_another": (503, "This replica cannot vouch for the answer now; another one can."),
    "stopping": (503, "This registry is shutting down; ask another."),
}
"""code -> (HTTP status, what it means)."""


class Rejected(Exception):
    """The request cannot be granted. `code` is a key of CODES, `field` the offending part (`endpoints[1].port`) or None."""

    def __init__(self, code: str, detail: str, *, field: str | None = None) -> None:
        assert code in CODES, code
        super().__init__(f"{field}: {detail}" if field else detail)
        self.code = code
        self.detail = detail
        self.field = field

    def __repr__(self) -> str:
        where = f" {self.field}" if self.field else ""
        return f"<Rejected {self.code}{where}: {self.detail}>"


class Unavailable(Exception):
    """Nothing was done, through no fault of the asker. `retry_after` is in seconds."""

    def __init__(self, code: str, detail: str, *, retry_after: float = 1.0) -> None:
        assert CODES[code][0] == 503, code
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    def __repr__(self) -> str:
        return f"<Unavailable {self.code}: {self.detail}>"


def invalid(field: str, detail: str) -> Rejected:
    """A value that breaks a rule: `raise invalid("port", "must be 1 to 65535")`."""
    return Rejected("invalid_request", detail, field=field)
