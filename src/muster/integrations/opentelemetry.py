"""OpenTelemetry, by its API alone: what a `Discovery` counts, as instruments that are read when metrics are exported.

    with muster.Discovery.from_env(["inventory"]) as discovery:
        observe(discovery)

Without an SDK all of it does nothing. Start exporters in each worker, after the fork.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from muster import __version__
from muster.client.discovery import Discovery

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
