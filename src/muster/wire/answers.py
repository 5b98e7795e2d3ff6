"""Answers that both ends of the API read: the registry makes them, the library and the command line take them apart.

Unknown fields are ignored: newer registries may send more.
"""

from __future__ import annotations

from msgspec import Struct

from muster.model.instance import LeaseTerms


class Registered(Struct, frozen=True, omit_defaults=True):
    """`lease` is null for a static instance; `owner_secret` is told once, to who asked to have one made."""

    service: str
    instance_id: str
    namespace: str
    generation: int
    revision: int
    epoch: str
    status: str
    lease: LeaseTerms | None
    owner_secret: str | None = None


class Unacknowledged(Struct, frozen=True):
    """A subscriber that has not said that it knows. `subscriber` is a stream's name or `poller`."""

    subscriber: str
    address: str


class CannotAcknowledge(Struct, frozen=True):
    """Readers that have no way to say so. `plain_streams`: streams that did not promise; `plain_reads_s`: the age in seconds
    that an answer to a plain look-up may have reached in the hands of whoever asked, 0 if nobody did lately; `dns_ttl_s`: seconds
    that resolvers may keep an answer of our name server, 0 if there is none."""

    plain_streams: int
    plain_reads_s: float
    dns_ttl_s: float = 0.0


class DrainAnswer(Struct, frozen=True):
    """`safe`: every subscriber that can acknowledge has done so."""

    safe: bool
    waited_ms: int
    revision: int
    unacknowledged: list[Unacknowledged]
    unacknowledged_count: int
    cannot_acknowledge: CannotAcknowledge


class ServiceSummary(Struct, frozen=True):
    service: str
    instances: int
    discoverable: int
    revision: int
    statuses: dict[str, int]


class Services(Struct, frozen=True):
    revision: int
    epoch: str
    settled: bool
    services: list[ServiceSummary]


class ZoneGuard(Struct, frozen=True):
    """`state`: clear, held or released. `since_ms`: when the hold began, wall-clock ms, 0 while there is none. `exit`: how it ends."""

    zone: str
    state: str
    reason: str
    since_ms: int
    leased: int
    silent: int
    seen: bool
    exit: str


class RegistryGuard(Struct, frozen=True):
    suspect: bool
    state: str
    reason: str
    since_ms: int
    exit: str


class GuardReport(Struct, frozen=True):
    """`held`: anything is protected from leaving by silence now."""

    held: bool
    registry: RegistryGuard
    zones: list[ZoneGuard]
