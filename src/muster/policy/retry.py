"""Whether a failed attempt is made again, and when: Envoy's retry policy, on another instance, within budget and deadline.

    retry = decide(policy, attempt, outcome, request, memory, now, rng)     Retry(at=...) or Refusal(why=...)

Sources: `config.route.v3.RetryPolicy`, source/common/router/retry_state_impl.cc; the budget is
`CircuitBreakers.Thresholds.RetryBudget`; idempotency is RFC 9110 section 9.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from muster.model import limits
from muster.model.policy import Policy
from muster.model.resilience import Budget, Condition

from .memory import Memory
from .outcome import CONDITION_OF_GRPC, MEANINGS, Outcome

if TYPE_CHECKING:
    from random import Random

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110 section 9.2.2."""

Why = Literal["outcome", "not idempotent", "attempts", "budget", "deadline"]


class Request(Struct, frozen=True):
    """What matters of a call. `deadline`: when its caller stops waiting (s; None: never)."""

    idempotent: bool
    deadline: float | None = None


class Failure(Struct, frozen=True):
    """How an attempt failed. `status`: of the answer, 0 if there was none. `retry_after`: s, as it said, None if it did not.
    `grpc_status`: of a gRPC call that was answered."""

    outcome: Outcome
    status: int = 0
    retry_after: float | None = None
    grpc_status: int | None = None


class Retry(Struct, frozen=True):
    """Try another instance, not before `at` (s)."""

    at: float


class Refusal(Struct, frozen=True):
    """What there is, is the answer."""

    why: Why


def idempotent(method: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a request may be sent twice: by its method, or because an `Idempotency-Key` says so (the IETF's draft of that name)."""
    return method.upper() in IDEMPOTENT or any(name.lower() == "idempotency-key" for name in headers or ())


def decide(
    policy: Policy, attempts: int, failure: Failure, request: Request, memory: Memory, now: float, rng: Random
) -> Retry | Refusal:
    """After `attempts` attempts, the last of which failed. Whoever obeys a `Retry` tells the memory: `begin_retry`, `end_retry`."""
    terms = policy.retries
    if not conditions(failure, policy) & set(terms.retry_on):
        return Refusal("outcome")
    if not (request.idempotent or terms.retry_non_idempotent or MEANINGS[failure.outcome].unprocessed):
        return Refusal("not idempotent")
    if attempts > terms.num_retries:
        return Refusal("attempts")
    at = now + delay(policy, attempts, failure, rng)
    if request.deadline is not None and at + limits.ATTEMPT_MIN_S > request.deadline:
        return Refusal("deadline")
    return Retry(at) if within(terms.budget, memory) else Refusal("budget")


def patience(policy: Policy, request: Request, now: float) -> float | None:
    """How long the next attempt may take (s): the policy's time per try, within what the caller's deadline leaves, but not nothing.
    None: for ever."""
    per_try = policy.retries.per_try_timeout or None
    if request.deadline is None:
        return per_try
    left = max(limits.ATTEMPT_MIN_S, request.deadline - now)
    return left if per_try is None else min(left, per_try)


def deadline(policy: Policy, now: float) -> float | None:
    """When a call that begins now must be over (s), if its caller says nothing else."""
    return now + policy.timeouts.request if policy.timeouts.request else None


def conditions(failure: Failure, policy: Policy) -> frozenset[Condition]:
    """Envoy's names for what happened."""
    named = MEANINGS[failure.outcome].conditions
    if failure.status in policy.retries.retriable_status_codes:
        named |= {"retriable-status-codes"}
    if failure.status == 409:
        named |= {"retriable-4xx"}
    if failure.grpc_status in CONDITION_OF_GRPC:
        named |= {CONDITION_OF_GRPC[failure.grpc_status]}
    return named


def delay(policy: Policy, attempts: int, failure: Failure, rng: Random) -> float:
    """Seconds until the next attempt: anywhere up to base x (2^attempts - 1), capped (Envoy's `JitteredExponentialBackOff`),
    but not before a `Retry-After` that is short enough to be heeded."""
    terms = policy.retries.back_off
    span: float = min(terms.base_interval * (2 ** min(attempts, 30) - 1), terms.max_interval)
    asked = failure.retry_after
    heeded = asked if asked is not None and asked <= policy.retries.max_retry_after else 0.0
    return max(heeded, rng.random() * span)


def within(budget: Budget, memory: Memory) -> bool:
    """Whether one more retry may be under way: a share of all requests under way, and a few in any case."""
    allowed = max(memory.active * budget.budget_percent / 100.0, budget.min_retry_concurrency)
    return memory.retries + 1 <= allowed


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """`Retry-After` in seconds (RFC 9110 section 10.2.3). `date` is the `Date` of the same answer: where the header names a moment,
    both were read off one clock, and nobody else's has to agree with it. None: it says nothing that can be heeded."""
    text = value.strip() if value else ""
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else None
    then, now = _moment(text), _moment(date)
    return max(0.0, (then - now).total_seconds()) if then and now else None


def _moment(text: str | None) -> datetime | None:
    """A date in any of HTTP's three forms (RFC 9110 section 5.6.7), all of which are in UTC."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=None) if text else None
    except (ValueError, OverflowError):
        return None
