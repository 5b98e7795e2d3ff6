"""What callers do about failures: the half of a policy (`muster.model.policy`) about time-outs, retries, breaker, outliers, limits.

Names, units and defaults are Envoy's; where a default differs, or Envoy has no such thing, the reason is told.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from . import limits

SECONDS = "seconds"
DURATION = "seconds, or a text such as 250ms, 30s, 5m, 1h"


def seconds(least: float = limits.POLICY_SECONDS_MIN, most: float = limits.POLICY_SECONDS_MAX) -> Meta:
    """A field in seconds within these bounds. The mark lets the document say `250ms` or `5m`."""
    return Meta(ge=least, le=most, extra={"unit": SECONDS}, extra_json_schema={"description": DURATION})


Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=limits.POLICY_COUNT_MAX)]
AtLeastOne = Annotated[int, Meta(ge=1, le=limits.POLICY_COUNT_MAX)]
StatusCode = Annotated[int, Meta(ge=100, le=599)]

GrpcCondition = Literal["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"]
Condition = Literal[
    "connect-failure",
    "refused-stream",
    "reset",
    "gateway-error",
    "5xx",
    "retriable-4xx",
    "retriable-status-codes",
    GrpcCondition,
]


class Timeouts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """connect    until a connection is there (`Cluster.connect_timeout`, in Envoy 5 s). 2 s outlive one lost SYN, which is
                  sent again after 1 s (RFC 6298 section 2).
    request    the whole call, retries included (`RouteAction.timeout`, 15 s); 0: none
    idle       no byte in either direction (`RouteAction.idle_timeout`); 0: none. In the library: for httpx, httpx2 and requests; in
               aiohttp it is the session's (`ClientTimeout.sock_read`)
    """

    connect: Annotated[float, seconds()] = 2.0
    request: Annotated[float, seconds(0.0)] = 15.0
    idle: Annotated[float, seconds(0.0)] = 0.0


class BackOff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Between attempts: anywhere up to base x (2^n - 1), at most `max_interval` (`RetryPolicy.RetryBackOff`: 25 ms, ten times)."""

    base_interval: Annotated[float, seconds()] = 0.025
    max_interval: Annotated[float, seconds()] = 0.25


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Retries under way, as a percentage of the requests under way, and how many are always allowed
    (`CircuitBreakers.Thresholds.RetryBudget`, same names and defaults)."""

    budget_percent: Percent = 20
    min_retry_concurrency: Count = 3


class Retries(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a failed attempt is made again, always on another instance where there is one
    (`RetryPolicy` with `retry_host_predicate: previous_hosts`).

    num_retries      attempts after the first (`RetryPolicy.num_retries`). Envoy retries only on request; two are Istio's
                     default, and what a rollout needs to lose nothing.
    retry_on         Envoy's conditions. `connect-failure` and `refused-stream` mean that the request was not processed;
                     the others are retried for idempotent requests alone. `cancelled`, `deadline-exceeded`, `internal`,
                     `resource-exhausted` and `unavailable` are the status of a gRPC call (`x-envoy-retry-grpc-on`).
    retriable_status_codes    for the condition of that name
    retry_non_idempotent      lets the others be retried for every request. No field of Envoy's: there it is the default.
    per_try_timeout  of one attempt; 0: whatever `timeouts.request` has left (`RetryPolicy.per_try_timeout`)
    max_retry_after  a `Retry-After` up to this is waited for, a longer one is not heeded
                     (`RateLimitedRetryBackOff.max_interval`, 300 s)
    """

    num_retries: Annotated[int, Meta(ge=0, le=10)] = 2
    retry_on: Annotated[tuple[Condition, ...], Meta(max_length=12)] = (
        "connect-failure",
        "refused-stream",
        "reset",
        "retriable-status-codes",
    )
    retriable_status_codes: Annotated[tuple[StatusCode, ...], Meta(max_length=32)] = (503,)
    retry_non_idempotent: bool = False
    per_try_timeout: Annotated[float, seconds(0.0)] = 0.0
    back_off: BackOff = BackOff()
    max_retry_after: Annotated[float, seconds(0.0)] = 300.0
    budget: Budget = Budget()


class Breaker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One breaker per endpoint: closed, open, half-open with one trial. Envoy has none; there outlier detection alone does it,
    with these thresholds for `consecutive_5xx` and `consecutive_local_origin_failure`.

    consecutive_failures    any kinds in a row that open it: a mistake costs `open_time`, so three are enough
    connect_failures        in a row: nobody listens, and asking again at once teaches nothing more
    zone_failures           different endpoints of a zone in a row that cannot be reached, without a success there in between: the zone
                            is passed over like one endpoint, unless less than `panic_threshold` would be left; 0: never
    open_time               until a trial is let through; doubled by each that fails, up to `max_open_time`
    """

    enabled: bool = True
    consecutive_failures: AtLeastOne = 3
    connect_failures: AtLeastOne = 1
    zone_failures: Count = 3
    open_time: Annotated[float, seconds()] = 1.0
    max_open_time: Annotated[float, seconds()] = 30.0


class OutlierDetection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`envoy.config.cluster.v3.OutlierDetection`, same names, units and defaults, but for one:

    always_eject_one_host    on: ten percent of five instances would otherwise be none. Envoy's documentation promised one,
                             gRFC A50 does.

    enforcing_consecutive_5xx and the others are percents: the chance that what was detected is also done.
    success_rate_stdev_factor is in thousandths. With `split_external_local_origin_errors` connection failures are counted
    apart; without, they count as 5xx (503, a time-out as 504).
    """

    enabled: bool = True
    consecutive_5xx: Count = 5
    consecutive_gateway_failure: Count = 5
    consecutive_local_origin_failure: Count = 5
    interval: Annotated[float, seconds()] = 10.0
    base_ejection_time: Annotated[float, seconds()] = 30.0
    max_ejection_time: Annotated[float, seconds()] = 300.0
    max_ejection_time_jitter: Annotated[float, seconds(0.0)] = 0.0
    max_ejection_percent: Percent = 10
    always_eject_one_host: bool = True
    split_external_local_origin_errors: bool = False
    enforcing_consecutive_5xx: Percent = 100
    enforcing_consecutive_gateway_failure: Percent = 0
    enforcing_consecutive_local_origin_failure: Percent = 100
    enforcing_success_rate: Percent = 100
    enforcing_local_origin_success_rate: Percent = 100
    enforcing_failure_percentage: Percent = 0
    enforcing_failure_percentage_local_origin: Percent = 0
    success_rate_minimum_hosts: Count = 5
    success_rate_request_volume: Count = 100
    success_rate_stdev_factor: Count = 1900
    failure_percentage_threshold: Percent = 85
    failure_percentage_minimum_hosts: Count = 5
    failure_percentage_request_volume: Count = 50


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one process may have open towards the service (`CircuitBreakers.Thresholds`, same names and defaults).

    max_requests            requests under way
    max_pending_requests    requests waiting for a connection; Envoy's. In Python they wait in the client library's pool, by its limits
    """

    max_requests: AtLeastOne = 1024
    max_pending_requests: Count = 1024
