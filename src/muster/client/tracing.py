"""Whoever watches attempts, and what he is asked and told. What he raises is logged, and harms no call.

    span = begin(tracing, endpoint, resent)      None: nobody watches
    with span.current(): send(..., headers=headers(span))
    end(span, outcome, status)

`muster.integrations.opentelemetry` is one of these.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from muster.policy.outcome import Outcome

if TYPE_CHECKING:
    from .endpoint import Endpoint

log = logging.getLogger(__name__)


class Span(Protocol):
    """An attempt under way, as whoever watches has it."""

    def headers(self) -> dict[str, str]:
        """What the request carries, so that what the instance traces is below this."""

    def current(self) -> AbstractContextManager[object]:
        """While this lasts, what others trace in this thread or task is below this. Alone of these it may not raise."""

    def ended(self, outcome: Outcome, status: int | None) -> None:
        """Once, in any thread or task. `status`: of HTTP, if there was an answer."""


class Tracing(Protocol):
    def begun(self, endpoint: Endpoint, resent: int) -> Span:
        """An attempt begins, in this thread or task. `resent`: how many the same request had before."""


def begin(tracing: Tracing | None, endpoint: Endpoint, resent: int) -> Span | None:
    if tracing is None:
        return None
    try:
        return tracing.begun(endpoint, resent)
    except Exception:
        log.exception("tracing failed at the beginning of an attempt of %s", endpoint)
        return None


def headers(span: Span | None) -> dict[str, str]:
    if span is None:
        return {}
    try:
        return span.headers()
    except Exception:
        log.exception("tracing failed to say what a request carries")
        return {}


def end(span: Span | None, outcome: Outcome, status: int | None) -> None:
    if span is None:
        return
    try:
        span.ended(outcome, status)
    except Exception:
        log.exception("tracing failed at the end of an attempt")
