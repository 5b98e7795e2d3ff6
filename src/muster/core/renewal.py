"""What became of a heartbeat, in the words every dialect answers from."""

from __future__ import annotations

from enum import Enum

from muster.model.record import Record


class Renewal(Enum):
    """What became of a heartbeat. `SLOW` ones need the writer: the shell sends `Revive` and answers when it is decided."""

    RENEWED = "renewed"
    MARKED = "renewed, and its overdue mark is to be taken off"
    SLOW = "the lease has lapsed or is lapsing"
    STATIC = "the instance has no lease"
    UNKNOWN = "no such instance"
    SUPERSEDED = "a newer generation holds the id"
    NOT_OWNER = "the owner secret does not match"


def of_static(record: Record, generation: int, owner: bytes) -> Renewal:
    """There is nothing to renew; but who was replaced by a static instance must learn it as from any other."""
    if generation and generation != record.generation:
        return Renewal.SUPERSEDED
    if record.owner and owner != record.owner:
        return Renewal.NOT_OWNER
    return Renewal.STATIC
