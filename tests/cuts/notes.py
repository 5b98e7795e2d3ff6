"""What the load writes down, a line of JSON each, and what the checker reads. Times are of the monotonic clock, which all processes of
a machine share, network namespaces or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

LIVE: Final = "live-"
"""Ids of instances that are renewed all the time."""
DEAD: Final = "dead-"
"""Ids of instances that register once and are never heard of again."""
SERIAL: Final = "n"
"""The piece of metadata that says which registration of its id this is: 1, 2, 3 ..."""


class Ready(Struct, frozen=True, tag="ready", tag_field="what"):
    """The load is under way: everybody is registered, every watcher was told something."""

    at: float


class Wrote(Struct, frozen=True, tag="wrote", tag_field="what"):
    """Registration `serial` of `id` was acknowledged at `at`, as `generation`, which is its revision."""

    at: float
    service: str
    id: str
    serial: int
    epoch: str
    generation: int
    tries: int = 1


class Said(Struct, frozen=True):
    """An instance as a reader was told of it. `revision`: of its last change."""

    id: str
    generation: int
    revision: int
    serial: int = 0


class Opened(Struct, frozen=True, tag="opened", tag_field="what"):
    """The watcher `by` asks a replica for a stream after the position `after` ("" for none)."""

    at: float
    by: str
    replica: str
    after: str


class Told(Struct, frozen=True, tag="told", tag_field="what", omit_defaults=True):
    """A message of a stream. `epoch`: the history that is told, as the answer's head said, or the last reset; `mark`: the id the
    message came with, or the last one before it, `epoch:revision`; `gone`: (id, why)."""

    at: float
    by: str
    kind: str
    epoch: str
    mark: str
    revision: int = 0
    service: str = ""
    instances: tuple[Said, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    more: bool = False
    digest: str = ""


class Ending(Struct, frozen=True, tag="final", tag_field="what"):
    """What a replica lists of a service when the load is over and everything is well; `gone`: those listed but not discoverable."""

    replica: str
    service: str
    epoch: str
    instances: tuple[Said, ...]
    gone: tuple[tuple[str, str], ...] = ()


class Refused(Struct, frozen=True, tag="refused", tag_field="what"):
    """A heartbeat of a live instance got an answer that ought to be impossible."""

    at: float
    id: str
    said: str


class Unread(Struct, frozen=True, tag="unread", tag_field="what"):
    """A read that no replica answered, or one that was answered with a failure."""

    at: float
    said: str


Note = Ready | Wrote | Opened | Told | Ending | Refused | Unread

encode = msgspec.json.encode
decode = msgspec.json.Decoder(Note).decode


def read(file: Path) -> Iterator[Note]:
    """Those that are complete: the last line may be under way."""
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield decode(line)
