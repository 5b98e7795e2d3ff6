"""What a `Discovery` can be measured by: one table, for Prometheus and OpenTelemetry alike. Read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec import Struct

from muster.client.status import ServiceStatus, Status, Tally

Labels = dict[str, str]
Point = tuple[Labels, float]


class Reading(Struct, frozen=True):
    """`name` without the unit and without what Prometheus appends; `labels`: those that its points have; `of`: what is counted,
    where that is no unit."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...]
    points: Callable[[Status], Iterator[Point]]
    unit: str = ""
    of: str = ""


def _calls(value: Callable[[Tally], float]) -> Callable[[Status], Iterator[Point]]:
    def points(status: Status) -> Iterator[Point]:
        for service, one in status.services.items():
            for port, tally in one.calls.items():
                yield {"service": service, "port": port}, value(tally)

    return points


def _services(value: Callable[[ServiceStatus], float | None]) -> Callable[[Status], Iterator[Point]]:
    def points(status: Status) -> Iterator[Point]:
        for service, one in status.services.items():
            reading = value(one)
            if reading is not None:
                yield {"service": service}, reading

    return points


def _nobody(status: Status) -> Iterator[Point]:
    for service, one in status.services.items():
        for port, tally in one.calls.items():
            for reason, times in tally.nobody.items():
                yield {"service": service, "port": port, "reason": reason}, times


def _connected(status: Status) -> Iterator[Point]:
    yield {}, float(status.connection is not None)


CALLS: Final = ("service", "port")
READINGS: Final = (
    Reading(
        "muster_client_picks", "counter", "Endpoints chosen.", CALLS, _calls(lambda t: t.picks), of="pick"
    ),
    Reading(
        "muster_client_attempts", "counter", "Calls begun.", CALLS, _calls(lambda t: t.attempts), of="attempt"
    ),
    Reading(
        "muster_client_cross_zone_attempts",
        "counter",
        "Calls begun that left the caller's zone: over all attempts, the zone skew.",
        CALLS,
        _calls(lambda t: t.crossed),
        of="attempt",
    ),
    Reading(
        "muster_client_retries",
        "counter",
        "Attempts after the first.",
        CALLS,
        _calls(lambda t: t.retries),
        of="retry",
    ),
    Reading(
        "muster_client_ejections",
        "counter",
        "Endpoints taken out after calls of this process.",
        CALLS,
        _calls(lambda t: t.ejections),
        of="ejection",
    ),
    Reading(
        "muster_client_no_endpoint",
        "counter",
        "Picks in vain, by reason.",
        (*CALLS, "reason"),
        _nobody,
        of="pick",
    ),
    Reading(
        "muster_client_mirror_age",
        "gauge",
        "Since a registry last vouched for what is known.",
        ("service",),
        _services(lambda one: one.age),
        unit="seconds",
    ),
    Reading(
        "muster_client_instances",
        "gauge",
        "Instances known.",
        ("service",),
        _services(lambda one: one.instances),
        of="instance",
    ),
    Reading(
        "muster_client_in_rotation",
        "gauge",
        "Instances that get calls of this process.",
        ("service",),
        _services(lambda one: one.in_rotation),
        of="instance",
    ),
    Reading(
        "muster_client_connected",
        "gauge",
        "1 while a registry's stream is open.",
        (),
        _connected,
        of="stream",
    ),
)
