"""OpenTelemetry, by its API alone: what a `Discovery` counts, as instruments that are read when metrics are exported; and a span for
each attempt, below whatever span the caller is in.

    with muster.Discovery.from_env(["inventory"], tracing=Spans()) as discovery:
        observe(discovery)

Without an SDK all of it does nothing. Start exporters in each worker, after the fork.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from muster import __version__
from muster.client.discovery import Discovery
from muster.client.endpoint import Endpoint
from muster.policy.outcome import Outcome

from .readings import READINGS, Reading

SCHEMA: Final = "https://opentelemetry.io/schemas/1.27.0"
"""The version of the semantic conventions in which the attributes that are theirs have these names."""


def observe(discovery: Discovery, meter: Meter | None = None) -> None:
    """Several may be observed, and one twice is once. The instruments do not keep it alive: when it is gone it is not reported.
    `meter`: Muster's, of the global provider, if none is given. Names are those for Prometheus with dots; attributes are `muster.service`,
    `.port` and `.reason`."""
    meter = meter or _meter()
    if (seen := _observed().get(meter)) is not None:
        seen.add(discovery)
        return
    seen = _observed()[meter] = weakref.WeakSet([discovery])
    for reading in READINGS:
        name = reading.name.replace("muster_client_", "muster.client.")
        make = meter.create_observable_counter if reading.kind == "counter" else meter.create_observable_gauge
        make(name, callbacks=[_callback(reading, seen)], unit=_unit(reading), description=reading.help)


class Spans:
    """For `Discovery(tracing=...)`. A request that is tried again has a span for each attempt. Each says where it went and how it
    ended, by the semantic conventions of HTTP clients: `server.address`, `server.port`, `http.request.resend_count`,
    `http.response.status_code`, `error.type` (a status of 400 or more, or else the outcome); and `muster.service`, `.instance`,
    `.zone`, `.version`, `.outcome`. What was given up is no error. The request carries the span's context, as the global propagator
    writes it, and what instruments the client library has its own spans below. `tracer`: Muster's, of the global provider, if none
    is given."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("muster", __version__, schema_url=SCHEMA)

    def begun(self, endpoint: Endpoint, resent: int) -> Span:
        instance = endpoint.instance
        said: dict[str, str | int] = {
            "server.address": endpoint.host,
            "server.port": endpoint.port,
            "http.request.resend_count": resent,
            "muster.service": instance.service,
            "muster.instance": endpoint.id,
            "muster.zone": instance.zone,
            "muster.version": instance.version,
        }
        attributes = {name: value for name, value in said.items() if value}
        name = f"attempt {instance.service}"
        return Span(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))


class Span:
    """An attempt under way. It is the current one only while the request is sent: it may end in another thread or task."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def headers(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        return carrier

    @contextmanager
    def current(self) -> Iterator[None]:
        token = context.attach(trace.set_span_in_context(self._span))
        try:
            yield
        finally:
            # A coroutine that was dropped is closed in whatever context the collector is called in: there is nothing to detach.
            if trace.get_current_span() is self._span:
                context.detach(token)

    def ended(self, outcome: Outcome, status: int | None) -> None:
        self._span.set_attribute("muster.outcome", outcome.value)
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if error := _error(outcome, status):
            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _error(outcome: Outcome, status: int | None) -> str | None:
    """`error.type` of HTTP spans: "If response status code was sent or received and status indicates an error according to HTTP span
    status definition, error.type SHOULD be set to the status code number". Of a client's span a 4xx does."""
    if status is not None and status >= 400:
        return str(status)
    return None if outcome in (Outcome.SUCCESS, Outcome.CANCELLED) else outcome.value


@cache
def _meter() -> Meter:
    return metrics.get_meter("muster", __version__)


@cache
def _observed() -> weakref.WeakKeyDictionary[Meter, weakref.WeakSet[Discovery]]:
    """A meter has one instrument of a name, with the callbacks that it was made with: an SDK silently leaves out those of the next."""
    return weakref.WeakKeyDictionary()


def _callback(
    reading: Reading, seen: weakref.WeakSet[Discovery]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(options: CallbackOptions) -> Iterable[Observation]:
        totals: dict[tuple[tuple[str, str], ...], float] = {}
        for discovery in list(seen):
            for labels, value in reading.points(discovery.status()):
                key = tuple((f"muster.{name}", told) for name, told in labels.items())
                totals[key] = value + (totals.get(key, 0) if reading.kind == "counter" else 0)
        return [Observation(value, dict(key)) for key, value in totals.items()]

    return read


def _unit(reading: Reading) -> str:
    """UCUM, as OpenTelemetry's conventions ask for: a thing that is counted stands in braces."""
    return "s" if reading.unit == "seconds" else f"{{{reading.of}}}"
