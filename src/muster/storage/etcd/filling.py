"""A history of its own from records that come from elsewhere, under live registries or none.

The records are written to a folder that nobody looks at yet; then `home` and `epoch` move there in one transaction, which every
registry sees as the beginning of another history; then the old folder is removed. Interrupted before the move, nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random, SystemRandom
from typing import Any

from msgspec import Struct

from muster.model import limits
from muster.registry.store import Loaded, Stored, StoreUnavailable
from muster.storage.history import mint_epoch

from . import founding
from . import layout as layouts
from . import transactions as txn
from .client import TXN, Client
from .layout import EpochSays, HomeSays, epoch_key, home_key
from .messages import MESSAGES

LEAP = 1 << 20
"""Revisions between the last one told elsewhere and the first one here: more than etcd counts while the folder is filled."""


class Filled(Struct, frozen=True):
    """The new history. `records`: how many it begins with."""

    epoch: str
    revision: int
    records: int


class Occupied(Exception):
    """There are records already, and nobody said that they may go."""


async def fill(
    client: Client, prefix: str, loaded: Loaded, *, replace: bool, rng: Random | None = None
) -> Filled:
    """Raises `Occupied`, `StoreUnavailable`."""
    rng = rng or SystemRandom()
    header, home, epoch, _ = await founding.look(client, prefix)
    if home is not None and not replace and await _count(client, f"{prefix}/".encode(), home):
        raise Occupied(f"etcd has records below {prefix!r} already")
    name = mint_epoch(rng)
    folder = f"{prefix}/{name}/k/".encode()
    for part in _parts(loaded.records):
        puts = [txn.put(folder + each.key.encode(), layouts.seal(each.op, each.value)) for each in part]
        await client.ask(TXN, MESSAGES["TxnRequest"](success=puts))
    says = EpochSays(mint_epoch(rng), header.cluster_id)
    revision = loaded.revision + LEAP
    moved = await client.ask(TXN, _move(prefix, home, epoch, HomeSays(name, revision), says))
    if not moved.succeeded:
        raise StoreUnavailable("somebody else restored this etcd at the same time: look, and try again")
    if home is not None:
        await _remove(client, f"{prefix}/{layouts.home_says(home.value).name}/".encode())
    return Filled(says.name, revision, len(loaded.records))


def _parts(records: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """What fits into a transaction."""
    part: list[Stored] = []
    room = limits.BATCH_BYTES
    for each in records:
        if part and (len(part) == limits.BATCH_WRITES or room < len(each.value)):
            yield part
            part, room = [], limits.BATCH_BYTES
        part.append(each)
        room -= len(each.value)
    if part:
        yield part


def _move(prefix: str, home: Any, epoch: Any, there: HomeSays, says: EpochSays) -> Any:
    return MESSAGES["TxnRequest"](
        compare=[
            txn.at(home_key(prefix), home.mod_revision if home else layouts.ABSENT),
            txn.at(epoch_key(prefix), epoch.mod_revision if epoch else layouts.ABSENT),
        ],
        success=[
            txn.put(home_key(prefix), layouts.encode(there)),
            txn.put(epoch_key(prefix), layouts.encode(says)),
        ],
    )


async def _count(client: Client, prefix: bytes, home: Any) -> int:
    folder = prefix + f"{layouts.home_says(home.value).name}/k/".encode()
    look = txn.read(folder, range_end=layouts.after(folder), count_only=True)
    answer = await client.ask(TXN, MESSAGES["TxnRequest"](success=[look]))
    return int(answer.responses[0].response_range.count)


async def _remove(client: Client, folder: bytes) -> None:
    gone = MESSAGES["DeleteRangeRequest"](key=folder, range_end=layouts.after(folder))
    await client.ask(TXN, MESSAGES["TxnRequest"](success=[MESSAGES["RequestOp"](request_delete_range=gone)]))
