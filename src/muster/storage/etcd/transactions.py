"""From a batch to etcd's transaction, and from its answer to the outcome. Pure.

Etcd compares first: the epoch is still ours and every key is still at the revision the writer saw (an absent key's is 0). All
writes then happen at one revision. If anything differs, the same transaction reads what is there instead, so a conflict names its
keys as of the moment it was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from muster.model import limits
from muster.registry.store import Batch, Changes, Committed, Conflict, Put, Removed, Write
from muster.storage.plan import premises

from . import layout as layouts
from .layout import ABSENT, Layout
from .messages import COMPARE_EQUAL, EVENT_DELETE, MESSAGES, TARGET_MOD


class EpochGone(Struct, frozen=True):
    """Nothing was written: another history has begun."""


def check_size(batch: Batch) -> None:
    """Refuse what etcd would refuse, and only a bug can send: `ValueError`."""
    most = limits.ETCD_TRANSACTION_OPS - 1
    if len(premises(batch)) > most:
        raise ValueError(f"batch {batch.op!r} has more than {most} writes and conditions")


def request(batch: Batch, layout: Layout) -> Any:
    """The `TxnRequest` of a batch."""
    op, epoch, folder = MESSAGES["RequestOp"], layouts.epoch_key(layout.prefix), layout.folder
    put = MESSAGES["PutRequest"](key=layout.last, value=batch.op.encode())
    seen = [(folder + c.key.encode(), layout.theirs(c.expected)) for c in premises(batch)]
    expected = [(epoch, layout.epoch_at), *seen]
    return MESSAGES["TxnRequest"](
        compare=[at(key, revision) for key, revision in expected],
        success=[*(_write(write, batch.op, folder) for write in batch.writes), op(request_put=put)],
        failure=[op(request_range=MESSAGES["RangeRequest"](key=key, keys_only=True)) for key, _ in expected],
    )


def _write(write: Write, op: str, folder: bytes) -> Any:
    key = folder + write.key.encode()
    if write.value is None:
        return MESSAGES["RequestOp"](request_delete_range=MESSAGES["DeleteRangeRequest"](key=key))
    value = layouts.seal(op, write.value)
    put = MESSAGES["PutRequest"](key=key, value=value, lease=write.lease)
    return MESSAGES["RequestOp"](request_put=put)


def outcome(answer: Any, batch: Batch, layout: Layout) -> Committed | Conflict | EpochGone:
    if answer.succeeded:
        return Committed(layout.revision(answer.header.revision))
    epoch_at, *found = (_revision(response.response_range) for response in answer.responses)
    if epoch_at != layout.epoch_at:
        return EpochGone()
    wrong = (
        c.key for c, theirs in zip(premises(batch), found, strict=True) if theirs != layout.theirs(c.expected)
    )
    return Conflict(tuple(dict.fromkeys(wrong)))


def _revision(answer: Any) -> int:
    return answer.kvs[0].mod_revision if answer.kvs else ABSENT


# --- Comparisons and plain writes -------------------------------------------------------------------------------------


def at(key: bytes, revision: int) -> Any:
    """The key's last write is at etcd's `revision`, 0: it is not there."""
    compare = MESSAGES["Compare"]
    return compare(result=COMPARE_EQUAL, target=TARGET_MOD, key=key, mod_revision=revision)


def put(key: bytes, value: bytes) -> Any:
    return MESSAGES["RequestOp"](request_put=MESSAGES["PutRequest"](key=key, value=value))


def read(key: bytes, **how: object) -> Any:
    """An end that is empty, and not just absent, would be that of all keys."""
    return MESSAGES["RequestOp"](request_range=MESSAGES["RangeRequest"](key=key, **how))


# --- What the watch tells ---------------------------------------------------------------------------------------------


def transactions(events: Iterable[Any], layout: Layout) -> list[Changes]:
    """The events of records as transactions, in etcd's order. What the end of a lease removed has no operation: `op` is ""."""
    last, folder = layout.last, layout.folder
    found: dict[int, tuple[list[Put | Removed], list[str]]] = {}
    for event in events:
        kv = event.kv  # made anew each time it is asked for
        key: bytes = kv.key
        entries, ops = found.setdefault(kv.mod_revision, ([], []))
        if key.startswith(folder):
            name = key[len(folder) :].decode()
            entries.append(
                Removed(name) if event.type == EVENT_DELETE else Put(name, layouts.unseal(kv.value)[1])
            )
        elif key == last:
            ops.append(kv.value.decode())
    return [
        Changes(layout.revision(revision), ops[0] if ops else "", tuple(entries))
        for revision, (entries, ops) in sorted(found.items())
        if entries
    ]
