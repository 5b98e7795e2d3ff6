"""When to try again, when not, and how long to wait."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model import limits
from muster.model.policy import DEFAULT, Policy
from muster.model.resilience import BackOff, Budget, Limits, Retries, Timeouts
from muster.policy.admission import admit
from muster.policy.memory import Memory, Peer
from muster.policy.outcome import Outcome, of_grpc_status
from muster.policy.retry import (
    Failure,
    Refusal,
    Request,
    Retry,
    deadline,
    decide,
    delay,
    idempotent,
    patience,
    retry_after,
    within,
)

READ, WRITE = Request(idempotent=True), Request(idempotent=False)
REFUSED, BROKEN = Failure(Outcome.CONNECT), Failure(Outcome.RESET)
BUSY = Failure(Outcome.GATEWAY, 503)


def decided(
    failure: Failure,
    request: Request = READ,
    *,
    policy: Policy = DEFAULT,
    attempts: int = 1,
    retries: int = 0,
) -> str:
    memory = Memory(policy, 0.0)
    memory.retries = retries
    match decide(policy, attempts, failure, request, memory, 10.0, Random(1)):
        case Retry():
            return "retry"
        case Refusal(why=why):
            return why


@pytest.mark.parametrize(
    ("failure", "read", "write"),
    [
        (REFUSED, "retry", "retry"),
        (Failure(Outcome.REFUSED), "retry", "retry"),
        (BROKEN, "retry", "not idempotent"),
        (BUSY, "retry", "not idempotent"),
        (Failure(Outcome.TIMEOUT), "retry", "not idempotent"),
        (Failure(Outcome.FAILURE, 500), "outcome", "outcome"),
        (Failure(Outcome.GATEWAY, 504), "outcome", "outcome"),
        (Failure(Outcome.SUCCESS, 404), "outcome", "outcome"),
        (Failure(Outcome.CANCELLED), "outcome", "outcome"),
    ],
)
def test_without_a_document(failure: Failure, read: str, write: str) -> None:
    assert (decided(failure, READ), decided(failure, WRITE)) == (read, write)


@pytest.mark.parametrize(
    ("condition", "failure"),
    [
        ("5xx", Failure(Outcome.FAILURE, 500)),
        ("5xx", REFUSED),
        ("gateway-error", Failure(Outcome.GATEWAY, 502)),
        ("retriable-4xx", Failure(Outcome.SUCCESS, 409)),
    ],
)
def test_envoys_other_conditions(condition: str, failure: Failure) -> None:
    policy = Policy(retries=Retries(retry_on=(condition,)))  # type: ignore[arg-type]
    assert decided(failure, policy=policy) == "retry"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("cancelled", 1),
        ("deadline-exceeded", 4),
        ("resource-exhausted", 8),
        ("internal", 13),
        ("unavailable", 14),
    ],
)
def test_envoys_conditions_for_grpc(condition: str, code: int) -> None:
    policy = Policy(retries=Retries(retry_on=(condition,)))  # type: ignore[arg-type]
    answers = [Failure(of_grpc_status(n), 200, grpc_status=n) for n in range(17)]
    assert [n for n, answer in enumerate(answers) if decided(answer, policy=policy) == "retry"] == [code]
    assert decided(answers[code], WRITE, policy=policy) == "not idempotent"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Outcome.SUCCESS),
        (5, Outcome.SUCCESS),  # NOT_FOUND is the caller's affair
        (8, Outcome.SUCCESS),  # RESOURCE_EXHAUSTED is 429: Envoy counts no outlier for it
        (13, Outcome.FAILURE),
        (14, Outcome.GATEWAY),
        (99, Outcome.FAILURE),
    ],
)
def test_what_a_grpc_status_says_of_the_instance(code: int, outcome: Outcome) -> None:
    assert of_grpc_status(code) is outcome


def test_so_many_attempts_and_no_more() -> None:
    assert [decided(REFUSED, attempts=n) for n in (1, 2, 3)] == ["retry", "retry", "attempts"]


def test_not_beyond_the_deadline() -> None:
    assert decided(REFUSED, Request(True, deadline=10.0)) == "deadline"
    assert decided(REFUSED, Request(True, deadline=10.0 + limits.ATTEMPT_MIN_S / 2)) == "deadline"
    assert decided(REFUSED, Request(True, deadline=11.0)) == "retry"


def test_who_allows_it_may_retry_writes() -> None:
    policy = Policy(retries=Retries(retry_non_idempotent=True))
    assert decided(BROKEN, WRITE, policy=policy) == "retry"


class TestBudget:
    def test_a_few_in_any_case(self) -> None:
        assert [decided(REFUSED, retries=n) for n in (2, 3)] == ["retry", "budget"]

    def test_then_a_share_of_what_is_under_way(self) -> None:
        memory = Memory(DEFAULT, 0.0)
        memory.active, memory.retries = 100, 19
        assert within(Budget(), memory)
        memory.retries = 20
        assert not within(Budget(), memory)


class TestDelay:
    @given(st.integers(1, 60), st.randoms(use_true_random=False))
    def test_jittered_growing_and_capped(self, attempts: int, rng: Random) -> None:
        policy = Policy(retries=Retries(back_off=BackOff(base_interval=0.1, max_interval=2.0)))
        assert 0.0 <= delay(policy, attempts, REFUSED, rng) <= min(0.1 * (2**attempts - 1), 2.0)

    def test_a_retry_after_is_waited_for(self) -> None:
        assert delay(DEFAULT, 1, Failure(Outcome.GATEWAY, 503, retry_after=2.0), Random(1)) == 2.0

    def test_unless_it_asks_for_too_much(self) -> None:
        assert delay(DEFAULT, 1, Failure(Outcome.GATEWAY, 503, retry_after=301.0), Random(1)) <= 0.025

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("3", 3.0),
            (" 120 ", 120.0),
            (None, None),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),  # since when?
            ("9" * 99, None),
            ("²", None),
        ],
    )
    def test_what_the_header_may_say(self, text: str | None, seconds: float | None) -> None:
        assert retry_after(text) == seconds

    @pytest.mark.parametrize(
        ("then", "now", "seconds"),
        [
            ("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:29 GMT", 30.0),
            ("Fri, 31-Dec-99 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:29 GMT", 30.0),
            ("Fri Dec 31 23:59:59 1999", "Fri, 31 Dec 1999 23:59:29 GMT", 30.0),
            ("Fri, 31 Dec 1999 23:59:29 GMT", "Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
            ("Fri, 31 Dec 1999 23:59:59 GMT", "yesterday", None),
            ("Fri, 99 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:29 GMT", None),
        ],
    )
    def test_a_moment_is_counted_from_the_answers_own_date(
        self, then: str, now: str, seconds: float | None
    ) -> None:
        assert retry_after(then, now) == seconds

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_whatever_the_headers_say_nothing_breaks(self, value: str, date: str) -> None:
        told = retry_after(value, date)
        assert told is None or told >= 0.0


class TestPatience:
    def test_the_time_per_try_within_what_is_left(self) -> None:
        policy = Policy(retries=Retries(per_try_timeout=2.0))
        assert [patience(policy, Request(True, deadline=end), 10.0) for end in (None, 11.0, 15.0, 9.0)] == [
            2.0,
            1.0,
            2.0,
            limits.ATTEMPT_MIN_S,
        ]

    def test_without_either_it_is_endless(self) -> None:
        assert patience(DEFAULT, READ, 10.0) is None

    def test_a_call_has_the_policys_deadline(self) -> None:
        assert deadline(DEFAULT, 10.0) == 25.0
        assert deadline(Policy(timeouts=Timeouts(request=0.0)), 10.0) is None


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", None, True),
        ("put", None, True),
        ("DELETE", {}, True),
        ("POST", {}, False),
        ("PATCH", {"X": "1"}, False),
        ("POST", {"idempotency-key": "k"}, True),
    ],
)
def test_what_may_be_sent_twice(method: str, headers: dict[str, str] | None, expected: bool) -> None:
    assert idempotent(method, headers) is expected


def test_limits_are_envoys_circuit_breakers() -> None:
    memory = Memory(DEFAULT, 0.0)
    limits = Limits(max_requests=2, max_pending_requests=1)
    memory.start(Peer(0.0))
    assert [admit(limits, memory), admit(limits, memory, pending=1)] == ["", "max_pending_requests"]
    memory.start(Peer(0.0))
    assert admit(limits, memory) == "max_requests"
