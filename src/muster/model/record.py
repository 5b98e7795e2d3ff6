"""The durable record of an instance: what its registrar said, and the facts the registry knows of it.

Status is never stored: it is a table over the facts (`STATUSES`), first match wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import Struct

from .check import Health
from .instance import Instance

Status = Literal["expired", "draining", "out_of_service", "unhealthy", "starting", "degraded", "healthy"]


class Facts(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of an instance. Times are wall-clock milliseconds, for people and retention only.

    expired_at   the lease lapsed then (0: it has not)
    draining     it asked to drain
    override     an operator's word; survives re-registration
    override_reason  why, in the operator's own words
    unreachable  a suspicion was confirmed
    ready        what the instance says of its own readiness; None: nothing
    checks       health by check name
    failing_since  when the health last became failing (0: it is not)
    overdue      no renewal for 1.5 of its own intervals; a mark for pickers, not a status
    """

    expired_at: int = 0
    draining: bool = False
    override: str = ""
    override_reason: str = ""
    unreachable: bool = False
    ready: bool | None = None
    checks: dict[str, Health] = {}
    failing_since: int = 0
    overdue: bool = False

    @property
    def health(self) -> Health:
        """The worst of the checks and the instance's own word."""
        known = self.checks.values()
        if "failing" in known:
            return "failing"
        if self.ready is False or "unknown" in known:
            return "unknown"
        return "warning" if "warning" in known else "passing"


class Record(Struct, frozen=True, gc=False, omit_defaults=True):
    """One instance in the store.

    `generation` is the revision at which this incarnation was registered. The write that registers it cannot know its own
    revision and stores 0; `evolve` puts the revision there. `owner` is the digest of the owner secret, empty if unguarded.
    """

    instance: Instance
    incarnation: str
    facts: Facts
    registered_at: int
    changed_at: int
    generation: int = 0
    owner: bytes = b""
    superseded: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return instance_key(self.instance.namespace, self.instance.id)

    @property
    def status(self) -> Status:
        return status_of(self.facts)

    def __repr__(self) -> str:
        return f"<Record {self.key} gen={self.generation} {self.status}>"


STATUSES: Final[tuple[tuple[Status, Callable[[Facts], bool], bool, str], ...]] = (
    ("expired", lambda f: f.expired_at != 0, False, "its lease lapsed; a heartbeat revives it"),
    ("draining", lambda f: f.draining, False, "it asked to drain"),
    ("out_of_service", lambda f: f.override == "out_of_service", False, "an operator took it out"),
    ("unhealthy", lambda f: f.unreachable, False, "a suspicion was confirmed: it does not answer"),
    ("unhealthy", lambda f: f.health == "failing", False, "a check fails"),
    ("starting", lambda f: f.health == "unknown", False, "its health is not known yet"),
    ("degraded", lambda f: f.health == "warning", True, "a check warns: reduced weight"),
    ("healthy", lambda f: True, True, "nothing speaks against it"),
)
"""(status, when, discoverable, why), first match wins: design section 5."""

DISCOVERABLE: Final[frozenset[Status]] = frozenset(status for status, _, visible, _ in STATUSES if visible)


def status_of(facts: Facts) -> Status:
    for status, when, _, _ in STATUSES:
        if when(facts):
            return status
    raise AssertionError("the last line of the table always holds")


def reason_of(facts: Facts) -> str:
    """Why the status is what it is, for people."""
    return next(why for _, when, _, why in STATUSES if when(facts))


def instance_key(namespace: str, id: str) -> str:
    """The record's key in memory. Namespaces hold no '/', so the pair reads back whole."""
    return f"{namespace}/{id}"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    return _encoder.encode(record)


def decode(value: bytes) -> Record:
    """Raises `msgspec.ValidationError` or `msgspec.DecodeError` on bytes that are no record."""
    return _decoder.decode(value)
