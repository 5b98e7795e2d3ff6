"""The parts of the registry's answers that tables are made of. Unknown fields are ignored: newer registries may send more.

What `--output json` prints is the answer itself, whole.
"""

from __future__ import annotations

from msgspec import Struct


class ServiceSummary(Struct, frozen=True):
    service: str
    instances: int = 0
    discoverable: int = 0
    statuses: dict[str, int] = {}


class Services(Struct, frozen=True):
    services: tuple[ServiceSummary, ...]
    settled: bool = True


class Drained(Struct, frozen=True):
    """`cannot_acknowledge`: ways of reading that never acknowledge, and how long their answers may live on."""

    safe: bool
    waited_ms: float = 0
    unacknowledged: tuple[dict[str, object], ...] = ()
    unacknowledged_count: int = 0
    cannot_acknowledge: dict[str, object] = {}


class SelfDoubt(Struct, frozen=True):
    """`since_ms`: when it began, wall-clock ms; 0 for never."""

    suspect: bool = False
    reason: str | None = None
    since_ms: float | None = None
    exit: str | None = None


class ZoneGuard(Struct, frozen=True):
    """`since_ms`: when the hold began, wall-clock ms; 0 while there is none."""

    zone: str
    state: str
    reason: str | None = None
    since_ms: float | None = None
    leased: int | None = None
    silent: int | None = None
    seen: bool | None = None
    exit: str | None = None


class GuardState(Struct, frozen=True):
    held: bool
    zones: tuple[ZoneGuard, ...] = ()
    registry: SelfDoubt = SelfDoubt()
