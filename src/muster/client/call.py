"""One request of the caller's, with as many attempts as the policy grants: each on another instance, within budget and deadline.

    with discovery.call("inventory", idempotent=True) as call:
        wait = 0.0
        while wait is not None:
            time.sleep(wait)
            attempt = call.attempt()
            try:
                answer = send(attempt.endpoint, timeout=call.patience)
            except OSError as error:
                wait = call.failed(error)
            else:
                wait = call.answered(answer.status)

Nothing here waits or sends: the integrations do, each in its library's way (`muster.integrations`).
"""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Protocol, Self

from muster.policy import retry
from muster.policy.admission import admit
from muster.policy.outcome import Outcome, of_grpc_status, of_status
from muster.policy.retry import Failure, Request, Retry

from .causes import of_exception
from .endpoint import Attempt, Endpoint, begun
from .errors import NoEndpoint
from .traffic import Traffic


class Pick(Protocol):
    def __call__(self, *, avoid: tuple[Endpoint, ...] = ()) -> Endpoint:
        """One that is not among these, if there is any. Raises `NoEndpoint`."""


class Call:
    """A context manager, which finishes what is under way when it is left. `timeout`: how long the caller waits in all (s); None:
    as long as the policy says. Raises ValueError if it is no time at all."""

    __slots__ = ("_answered", "_attempt", "_pick", "_retrying", "_traffic", "_tried", "request")

    def __init__(
        self, traffic: Traffic, pick: Pick, *, idempotent: bool, timeout: float | None = None
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be more than 0 s, not {timeout:g}")
        now = traffic.clock()
        deadline = retry.deadline(traffic.policy, now) if timeout is None else now + timeout
        self.request = Request(idempotent, deadline)
        self._traffic = traffic
        self._pick = pick
        self._tried: tuple[Endpoint, ...] = ()
        self._attempt: Attempt | None = None
        self._answered = False
        self._retrying = False

    def __repr__(self) -> str:
        return f"<Call of {self._traffic.service}, {len(self._tried)} attempts>"

    @property
    def attempts(self) -> int:
        return len(self._tried)

    @property
    def patience(self) -> float | None:
        """How long the next attempt may take (s). None: for ever."""
        return retry.patience(self._traffic.policy, self.request, self._traffic.clock())

    @property
    def connect_timeout(self) -> float:
        """How long it may take to connect (s)."""
        return self._traffic.policy.timeouts.connect

    @property
    def silence(self) -> float | None:
        """How long it may take until the next byte comes, or goes (s). None: for ever."""
        return self._traffic.policy.timeouts.idle or None

    def attempt(self) -> Attempt:
        """The next attempt begins. Raises `NoEndpoint`, also if the policy lets no more calls be under way."""
        traffic = self._traffic
        if not self._tried and (limit := admit(traffic.policy.limits, traffic.memory)):
            traffic.count("limit")
            raise NoEndpoint(traffic.service, "limit", detail=limit)
        if self._attempt is not None:
            self.finish(Outcome.CANCELLED)  # whoever begins another has given it up
        tried = self._tried
        attempt = begun(partial(self._pick, avoid=tried), len(tried)) if tried else begun(self._pick)
        self._tried = (*tried, attempt.endpoint)
        self._attempt = attempt
        return attempt

    def answered(
        self,
        status: int,
        *,
        retry_after: float | None = None,
        grpc_status: int | None = None,
        again: bool = True,
    ) -> float | None:
        """With this HTTP status, and, of a gRPC call, that of gRPC. `retry_after`: s, as the answer says (for gRPC it is
        `grpc-retry-pushback-ms`). `again`: the request can be sent once more. Seconds to wait before the next attempt; None:
        this is the answer. A success is not over yet: `finish`, or leave the call, when all of it has been read."""
        outcome = of_status(status) if grpc_status is None else of_grpc_status(grpc_status)
        failure = Failure(outcome, status, retry_after, grpc_status)
        if self._attempt is not None:
            self._attempt.status = status
        if outcome is Outcome.SUCCESS and not retry.conditions(failure, self._traffic.policy):
            self._answered = True
            return None
        return self.failed(failure, again=again)

    def failed(self, failure: Failure | Exception, *, again: bool = True) -> float | None:
        """By an exception, or in a way that the caller knows better. Seconds to wait before the next attempt; None: there is none, and
        what there is, is the answer."""
        if isinstance(failure, Exception):
            failure = Failure(of_exception(failure))
        self.finish(failure.outcome)
        traffic = self._traffic
        if not again:
            return None
        now = traffic.clock()
        decision = retry.decide(
            traffic.policy, self.attempts, failure, self.request, traffic.memory, now, traffic.rng
        )
        if not isinstance(decision, Retry):
            return None
        traffic.memory.begin_retry()
        traffic.tally.retries += 1
        self._retrying = True
        return decision.at - now

    def finish(self, outcome: Outcome = Outcome.SUCCESS) -> None:
        """The attempt under way is over. Twice is once."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.finish(outcome)
        if self._retrying:
            self._retrying = False
            self._traffic.memory.end_retry()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.finish(of_exception(error))
        else:
            self.finish(Outcome.SUCCESS if self._answered else Outcome.CANCELLED)
