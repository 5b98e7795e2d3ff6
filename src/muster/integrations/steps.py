"""How a request is sent, tried again and given up, once for every library and for threads and loops alike.

`exchange` decides and does nothing: it yields what is to be done, and is sent what came of it. `run` and `run_async` do it.

    steps = exchange(call, replayable)          a generator of Send | Discard | Wait, which returns the answer
    answer = run(steps, send, discard)          send(Send) -> the library's answer, or its exception
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar, assert_never

from msgspec import Struct

from muster.client.call import Call
from muster.client.endpoint import Attempt, Endpoint
from muster.client.tracing import Span
from muster.policy.outcome import Outcome
from muster.policy.retry import Failure, retry_after


class Answer(Protocol):
    """What all libraries' answers have in common, by a view of it."""

    @property
    def status(self) -> int: ...
    def header(self, name: str) -> str | None: ...


A = TypeVar("A", bound=Answer)


class Send(Struct, frozen=True):
    """An attempt, which may take `patience` s (None: for ever), `connect` s of it to connect, and `silence` s (None: for ever) without a
    byte; the request carries `headers` besides its own."""

    attempt: Attempt
    patience: float | None
    connect: float
    silence: float | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self.attempt.endpoint

    @property
    def headers(self) -> dict[str, str]:
        return self.attempt.headers


class Discard(Struct, frozen=True):
    """Close this answer: another attempt is made."""

    answer: Any


class Wait(Struct, frozen=True):
    seconds: float


Step = Send | Discard | Wait
OutcomeOf = Callable[[Exception], Outcome | None]
"""What an exception of the library's says of the instance. None: it is not one of those, and goes up as it is."""


def exchange(
    call: Call, outcome_of: OutcomeOf, *, replayable: bool
) -> Generator[Step, Any, tuple[Any, Call]]:
    """`replayable`: whether the request can be sent once more. The answer's call is finished by whoever has read it."""
    try:
        while True:
            attempt = call.attempt()
            try:
                answer = yield Send(attempt, call.patience, call.connect_timeout, call.silence)
            except Exception as error:
                outcome = outcome_of(error)
                wait = None if outcome is None else call.failed(Failure(outcome), again=replayable)
                if wait is None:
                    raise
            else:
                wait = call.answered(answer.status, retry_after=_wait_asked_for(answer), again=replayable)
                if wait is None:
                    return answer, call
                yield Discard(answer)
            yield Wait(wait)
    except BaseException:
        call.finish(Outcome.CANCELLED)
        raise


def _wait_asked_for(answer: Answer) -> float | None:
    """RFC 9110 section 10.2.3: `Retry-After` comes with a 3xx, a 429, a 503. Looking for it costs more than all else here."""
    return retry_after(answer.header("Retry-After"), answer.header("Date")) if answer.status >= 300 else None


def run(
    steps: Generator[Step, Any, tuple[A, Call]],
    send: Callable[[Send], A],
    discard: Callable[[A], None],
) -> tuple[A, Call]:
    """In the caller's thread."""
    try:
        step = next(steps)
        while True:
            try:
                result = _sent(step, send) if isinstance(step, Send) else _waited(step, discard)
            except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        answered: tuple[A, Call] = end.value
        return answered


def _sent(step: Send, send: Callable[[Send], A]) -> A:
    """Whatever traces what is below (a library's own instrumentation) finds the attempt's span as the current one."""
    span = step.attempt.span
    if span is None:
        return send(step)
    with span.current():
        return send(step)


def _waited(step: Discard | Wait, discard: Callable[[A], None]) -> A | None:
    """What is done before another attempt. Nothing comes of it."""
    match step:
        case Discard(answer):
            discard(answer)
        case Wait(seconds):
            time.sleep(seconds)  # noqa: TID251 - a caller's thread, and nothing that could end this early
        case _:
            assert_never(step)
    return None


async def run_async(
    steps: Generator[Step, Any, tuple[A, Call]],
    send: Callable[[Send], Awaitable[A]],
    discard: Callable[[A], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]],
) -> tuple[A, Call]:
    """On the caller's loop; `sleep` is that loop's."""
    try:
        step = next(steps)
        while True:
            try:
                result = await (
                    _sent_async(step, send) if isinstance(step, Send) else _waited_async(step, discard, sleep)
                )
            except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        answered: tuple[A, Call] = end.value
        return answered


def _sent_async(step: Send, send: Callable[[Send], Awaitable[A]]) -> Awaitable[A]:
    span = step.attempt.span
    return send(step) if span is None else _below(span, send(step))


async def _below(span: Span, sent: Awaitable[A]) -> A:
    with span.current():
        return await sent


async def _waited_async(
    step: Discard | Wait,
    discard: Callable[[A], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    match step:
        case Discard(answer):
            await discard(answer)
        case Wait(seconds):
            await sleep(seconds)
        case _:
            assert_never(step)
