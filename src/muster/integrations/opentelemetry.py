"""OpenTelemetry, by its API alone: what a `Discovery` counts, as instruments that are read when metrics are exported; and a span for
each attempt, below whatever span the caller is in.

    with muster.Discovery.from_env(["inventory"], tracing=Spans()) as discovery:
        observe(discovery)

Without an SDK all of it does nothing. Start exporters in each worker, after the fork.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from muster import __version__
from muster.client.discovery import Discovery
from muster.client.endpoint import Endpoint
from muster.policy.outcome import Outcome

from .readings import READINGS, Reading


def observe(discovery: Discovery, meter: Meter | None = None) -> None:
    """Once per `Discovery`. The instruments do not keep it alive: when it is gone they report nothing. `meter`: Muster's, of the
    global provider, if none is given. Names are those for Prometheus with dots."""
    meter = meter or metrics.get_meter("muster", __version__)
    seen = weakref.ref(discovery)
    for reading in READINGS:
        name = reading.name.replace("muster_client_", "muster.client.")
        make = meter.create_observable_counter if reading.kind == "counter" else meter.create_observable_gauge
        make(name, callbacks=[_callback(reading, seen)], unit=_unit(reading), description=reading.help)


class Spans:
    """For `Discovery(tracing=...)`. A request that is tried again has a span for each attempt, and each says where it went and how it
    ended: `server.address` and `server.port`, and `error.type`, as the semantic conventions of RPC and HTTP spans have them, and
    `muster.service`, `.instance`, `.zone`, `.version`, `.outcome`. What was given up is no error. `tracer`: Muster's, of the global
    provider, if none is given."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("muster", __version__)

    def begun(self, endpoint: Endpoint) -> Span:
        instance = endpoint.instance
        attributes: dict[str, str | int] = {
            "server.address": endpoint.host,
            "server.port": endpoint.port,
            "muster.service": instance.service,
            "muster.instance": endpoint.id,
            "muster.zone": instance.zone,
            "muster.version": instance.version,
        }
        name = f"attempt {instance.service}"
        return Span(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))


class Span:
    """An attempt under way. The span is not made the current one: the attempt may end in another thread or task."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def ended(self, outcome: Outcome) -> None:
        self._span.set_attribute("muster.outcome", outcome.value)
        if outcome not in (Outcome.SUCCESS, Outcome.CANCELLED):
            self._span.set_attribute("error.type", outcome.value)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _callback(
    reading: Reading, seen: weakref.ref[Discovery]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(options: CallbackOptions) -> Iterable[Observation]:
        discovery = seen()
        if discovery is None:
            return ()
        return [Observation(value, labels) for labels, value in reading.points(discovery.status())]

    return read


def _unit(reading: Reading) -> str:
    """UCUM, as OpenTelemetry's conventions ask for."""
    return {"seconds": "s"}.get(reading.unit, "1")
