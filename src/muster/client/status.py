"""Everything a `Discovery` can tell of itself, as values: for people, health pages and tests."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from .state import Absent, Bound, Failed, Mirror, Pending, Source


class Counts(Struct):
    """Since the start. The thread that follows the registry adds, and that of the disk to `disk_errors`; everybody else reads."""

    streams: int = 0
    resumed: int = 0
    resets: int = 0
    changes: int = 0
    acknowledged: int = 0
    refreshes: int = 0
    closed: int = 0
    silent: int = 0
    malformed: int = 0
    refused: int = 0
    unreachable: int = 0
    diverged: int = 0
    told_to_leave: int = 0
    bugs: int = 0
    callback_errors: int = 0
    disk_errors: int = 0
    unreadable: int = 0


class Tally(Struct):
    """The calls of one service's port since the start. `crossed`: attempts that left the caller's zone; `nobody`: picks in vain,
    by reason. Added to without a lock: a few of many may be lost."""

    picks: int = 0
    attempts: int = 0
    crossed: int = 0
    retries: int = 0
    ejections: int = 0
    nobody: dict[str, int] = {}

    def copy(self) -> Tally:
        return replace(self, nobody=dict(self.nobody))


class Connection(Struct, frozen=True):
    """The stream that is open. `since`: monotonic seconds."""

    registry: str
    subscriber: str
    since: float


class ServiceStatus(Struct, frozen=True):
    """One mirror, in numbers. `age` is None while nothing is known. `calls`: by the name of the port, empty for each instance's
    first."""

    state: Literal["pending", "bound", "absent", "failed"]
    revision: int = 0
    age: float | None = None
    source: Source | None = None
    instances: int = 0
    in_rotation: int = 0
    unconfirmed: int = 0
    calls: dict[str, Tally] = {}


class Status(Struct, frozen=True):
    """`connection` is None while no stream is open; `failure` is the last one, kept until a stream works again."""

    running: bool
    registries: tuple[str, ...]
    namespace: str
    connection: Connection | None
    failure: str
    epoch: str
    settled: bool
    position: str
    cache_dir: str | None
    counts: Counts
    services: dict[str, ServiceStatus]


def of(mirror: Mirror, in_rotation: int, calls: dict[str, Tally]) -> ServiceStatus:
    return replace(_of(mirror, in_rotation), calls=calls)


def _of(mirror: Mirror, in_rotation: int) -> ServiceStatus:
    match mirror:
        case Pending():
            return ServiceStatus("pending")
        case Failed():
            return ServiceStatus("failed")
        case Absent():
            return ServiceStatus("absent", mirror.revision, mirror.age, mirror.source)
        case Bound():
            return ServiceStatus(
                "bound",
                mirror.revision,
                mirror.age,
                mirror.source,
                len(mirror.instances),
                in_rotation,
                len(mirror.unconfirmed),
            )
