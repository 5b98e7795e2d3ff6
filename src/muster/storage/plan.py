"""What a run of batches does to the records: pure, and the same for every store that decides for itself.

Batches are planned one after the other against the revisions their keys have now. Each is in the plan whole or not at all,
and whatever it writes is what the next one sees, so a store may write the whole plan at once and still be a total order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from muster.model import limits
from muster.registry.store import (
    Batch,
    Changes,
    Committed,
    Condition,
    Conflict,
    Put,
    Removed,
    Stored,
    StoreUnavailable,
    Write,
)

ABSENT = 0
"""The revision of a key that is not there."""


class Plan(Struct, frozen=True):
    """`outcomes` answers the batches in their order; `changes` and `records` are what the committed ones of them amount to.

    `records` holds the last state of each key written (None: removed); `revision` is that of the last transaction.
    """

    outcomes: tuple[Committed | Conflict, ...]
    changes: tuple[Changes, ...]
    records: dict[str, Stored | None]
    revision: int


def plan(batches: Sequence[Batch], revisions: Mapping[str, int], head: int) -> Plan:
    """Decide each batch. `revisions` tells the keys that are there (others are absent); `head` is the store's revision."""
    now = dict(revisions)
    outcomes: list[Committed | Conflict] = []
    changes: list[Changes] = []
    records: dict[str, Stored | None] = {}
    for batch in batches:
        if keys := clashes(batch, now):
            outcomes.append(Conflict(keys))
            continue
        head += 1
        outcomes.append(Committed(head))
        changes.append(transaction(batch, head))
        for write in batch.writes:
            record = None if write.value is None else Stored(write.key, write.value, head, batch.op)
            now[write.key] = record.revision if record else ABSENT
            records[write.key] = record
    return Plan(tuple(outcomes), tuple(changes), records, head)


def clashes(batch: Batch, revisions: Mapping[str, int]) -> tuple[str, ...]:
    """The keys that are not as the writer of the batch saw them, each once, in the batch's order."""
    wrong = (c.key for c in premises(batch) if revisions.get(c.key, ABSENT) != c.expected)
    return tuple(dict.fromkeys(wrong))


def premises(batch: Batch) -> tuple[Write | Condition, ...]:
    """All that must be as the writer saw it."""
    return (*batch.writes, *batch.conditions)


def transaction(batch: Batch, revision: int) -> Changes:
    """The batch as its readers see it."""
    entries = (Removed(w.key) if w.value is None else Put(w.key, w.value) for w in batch.writes)
    return Changes(revision, batch.op, tuple(entries))


def keys_of(batches: Sequence[Batch]) -> set[str]:
    """Every key whose revision decides one of the batches."""
    return {condition.key for batch in batches for condition in premises(batch)}


def size(changes: Changes) -> int:
    """Bytes a transaction holds in memory, near enough to bound a history by."""
    return sum(_entry_size(entry) for entry in changes.entries)


def _entry_size(entry: Put | Removed) -> int:
    return limits.STORE_ENTRY_BYTES + len(entry.key) + (len(entry.value) if isinstance(entry, Put) else 0)


def check(batch: Batch) -> None:
    """Refuse what only a bug can send: `ValueError`."""
    keys = [write.key for write in batch.writes]
    if not keys:
        raise ValueError(f"batch {batch.op!r} has no writes")
    if len(set(keys)) != len(keys):
        raise ValueError(f"batch {batch.op!r} writes a key twice")
    if any("\0" in key for key in keys):
        raise ValueError(f"batch {batch.op!r} has a key with a NUL")
    weight = sum(
        len(w.key.encode()) + len(w.value or b"") for w in batch.writes
    )  # encode: a lone surrogate fails here
    if weight > limits.STORE_BATCH_BYTES:
        raise ValueError(f"batch {batch.op!r} has {weight} bytes, more than {limits.STORE_BATCH_BYTES}")


def closed() -> StoreUnavailable:
    """What a store says to whoever comes after `close`."""
    return StoreUnavailable("the store is closed: this registry is stopping, ask another")
