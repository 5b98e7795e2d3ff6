"""The messages of a watch stream: an event name and a JSON body each.

    snapshot   a service whole, paged: pages of one snapshot follow each other, all but the last with `more`
    resumed    the stream goes on from the reader's position; nothing is repeated
    upsert     instances that are in the view now, new or changed
    remove     instances that are no longer in the view, and why
    policy     the service's traffic policy, or that it has none: after the service's first message, and at every change
    alive      every 2 s: where the stream stands, and the digest of everything it was given
    ack        someone waits: acknowledge this revision of the service (`POST /v1/acks`)
    reset      another history, or a reader ahead of it: snapshots of every service follow
    goaway     this registry stops: reconnect elsewhere

A service of which no `policy` was told before the first `alive` has none. A reader ignores events that it does not know.

`upsert` and `remove` with `more` belong to the message after them: together they are one committed state. An SSE id,
`epoch:revision`, is a low-water mark: everything at or below it has been sent. It stands on the last message of a state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from .view import InstanceView, json_bool


class SnapshotEvent(Struct, frozen=True):
    """`exists` False: no such service has any record here (not even an unhealthy one)."""

    service: str
    revision: int
    exists: bool
    settled: bool
    instances: tuple[InstanceView, ...] = ()
    more: bool = False


class ResumedEvent(Struct, frozen=True):
    revision: int
    settled: bool


class UpsertEvent(Struct, frozen=True):
    service: str
    revision: int
    instances: tuple[InstanceView, ...]
    more: bool = False


class Gone(Struct, frozen=True):
    """`why` is the status that took it out of the view, `removed` for a deregistered one, `filtered` for one that changed its labels."""

    instance_id: str
    why: str


class RemoveEvent(Struct, frozen=True):
    service: str
    revision: int
    instances: tuple[Gone, ...]
    exists: bool
    more: bool = False


class AliveEvent(Struct, frozen=True):
    """`digest`: 16 hex digits. `age_ms`: how long ago the registry last knew itself in step with its store."""

    revision: int
    digest: str
    settled: bool
    age_ms: int = 0


class PolicyEvent(Struct, frozen=True):
    """`policy` is a document of `muster.wire.policy`, None if the service has none (any more); `revision` that of its last write,
    which is no part of the service's own revision."""

    service: str
    revision: int
    policy: dict[str, Any] | None


class AckEvent(Struct, frozen=True):
    service: str
    revision: int


class ResetEvent(Struct, frozen=True):
    epoch: str
    reason: str


class GoAwayEvent(Struct, frozen=True):
    reason: str


Event = (
    SnapshotEvent
    | ResumedEvent
    | UpsertEvent
    | RemoveEvent
    | PolicyEvent
    | AliveEvent
    | AckEvent
    | ResetEvent
    | GoAwayEvent
)

TYPES: Final[dict[str, type[Event]]] = {
    "snapshot": SnapshotEvent,
    "resumed": ResumedEvent,
    "upsert": UpsertEvent,
    "remove": RemoveEvent,
    "policy": PolicyEvent,
    "alive": AliveEvent,
    "ack": AckEvent,
    "reset": ResetEvent,
    "goaway": GoAwayEvent,
}
NAMES: Final[dict[type[Event], str]] = {type_: name for name, type_ in TYPES.items()}

_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(type_) for name, type_ in TYPES.items()}


def encode(event: Event) -> tuple[str, bytes]:
    """(event name, JSON body)."""
    return NAMES[type(event)], _encoder.encode(event)


def decode(name: str, body: bytes) -> Event | None:
    """The event, or None for a name this version does not know. Raises `msgspec.DecodeError` on a broken body."""
    decoder = _decoders.get(name)
    return decoder.decode(body) if decoder else None


def snapshot_body(
    service: str, revision: int, instances: Iterable[bytes], *, exists: bool, settled: bool, more: bool
) -> bytes:
    """A `SnapshotEvent` joined from instances that are encoded already. `service` needs no escaping."""
    flags = f'"more":{json_bool(more)},"exists":{json_bool(exists)},"settled":{json_bool(settled)}'
    return _joined(service, revision, instances, flags)


def upsert_body(service: str, revision: int, instances: Iterable[bytes], *, more: bool) -> bytes:
    """An `UpsertEvent`, likewise."""
    return _joined(service, revision, instances, f'"more":{json_bool(more)}')


def _joined(service: str, revision: int, instances: Iterable[bytes], flags: str) -> bytes:
    head = f'{{"service":"{service}","revision":{revision},"instances":['
    return b"".join((head.encode(), b",".join(instances), f"],{flags}}}".encode()))


class Position(Struct, frozen=True):
    """Where a reader stands: the low-water mark of what it has been given."""

    epoch: str
    revision: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.revision}"


_POSITION = re.compile(r"([0-9a-f]{1,32}):(\d{1,19})")


def position(text: str) -> Position | None:
    """`epoch:revision` back; None for anything else."""
    match = _POSITION.fullmatch(text)
    return Position(match[1], int(match[2])) if match else None
