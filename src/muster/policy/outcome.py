"""How an attempt ended, and what that says: to the breaker, to outlier detection, to whoever may try again. One table.

Where Envoy has a word for it (`Upstream::Outlier::Result`, the response flags, `retry_on`), it is told beside the row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from muster.model.resilience import Condition, GrpcCondition


class Outcome(StrEnum):
    """`of_status` makes one of an HTTP status; a transport tells the others."""

    SUCCESS = "success"
    """An answer that is not a 5xx. A 4xx is the caller's fault."""
    FAILURE = "failure"
    """A 5xx, other than the gateways'."""
    GATEWAY = "gateway"
    """502, 503, 504."""
    CONNECT = "connect"
    """No connection: refused, unreachable, no name, timed out, TLS failed."""
    REFUSED = "refused"
    """The server closed the stream before it looked at the request (HTTP/2 REFUSED_STREAM, GOAWAY below its id)."""
    RESET = "reset"
    """Connected, and then no whole answer: reset, closed, unreadable."""
    TIMEOUT = "timeout"
    """Connected, and no answer in time."""
    CANCELLED = "cancelled"
    """The caller lost interest: says nothing about the instance."""


class Meaning(NamedTuple):
    """`status`: what outlier detection counts it as where it does not tell local failures apart (Envoy's
    `resultToHttpCode`); 0 says nothing. `local`: the connection itself failed. `conditions`: what lets it be retried.
    `unprocessed`: the request certainly had no effect, so that it may be sent again whatever it was. `suspect`: worth a report
    to the registry, which then looks for itself (Muster's own)."""

    status: int
    local: bool = False
    conditions: frozenset[Condition] = frozenset()
    unprocessed: bool = False
    suspect: bool = False


MEANINGS: Final[dict[Outcome, Meaning]] = {
    Outcome.SUCCESS: Meaning(200),  # ExtOriginRequestSuccess
    Outcome.FAILURE: Meaning(500, conditions=frozenset({"5xx"})),  # ExtOriginRequestFailed
    Outcome.GATEWAY: Meaning(503, conditions=frozenset({"5xx", "gateway-error"})),
    Outcome.CONNECT: Meaning(
        503, True, frozenset({"connect-failure", "5xx", "gateway-error"}), True, suspect=True
    ),
    Outcome.REFUSED: Meaning(503, False, frozenset({"refused-stream", "5xx", "gateway-error"}), True),
    Outcome.RESET: Meaning(503, False, frozenset({"reset", "5xx", "gateway-error"}), suspect=True),
    Outcome.TIMEOUT: Meaning(
        504, True, frozenset({"reset", "5xx", "gateway-error"}), suspect=True
    ),  # LocalOriginTimeout
    Outcome.CANCELLED: Meaning(0),
}

GATEWAY_STATUSES: Final = frozenset({502, 503, 504})


HTTP_OF_GRPC: Final = {
    0: 200,
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""gRPC status -> the HTTP status that says the same (`Grpc::Utility::grpcToHttpStatus`): what Envoy's outlier detection counts."""
CONDITION_OF_GRPC: Final[dict[int, GrpcCondition]] = {
    1: "cancelled",
    4: "deadline-exceeded",
    8: "resource-exhausted",
    13: "internal",
    14: "unavailable",
}


def of_grpc_status(code: int) -> Outcome:
    """What the `grpc-status` of an answer means; one that no specification knows is a failure."""
    return of_status(HTTP_OF_GRPC.get(code, 500))


def of_status(status: int) -> Outcome:
    """What an HTTP answer means."""
    if status < 500:
        return Outcome.SUCCESS
    return Outcome.GATEWAY if status in GATEWAY_STATUSES else Outcome.FAILURE
