"""A history of its own from records that come from elsewhere, under live registries or none.

The records are written to a folder that nobody looks at yet; then `home` and `epoch` move there in one transaction, which every
registry sees as the beginning of another history; then the folders of before are removed. Interrupted before the move, nothing has
happened: the folder that is left over goes with the next move.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
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
_FOLDER = re.compile(rb"[0-9a-f]{16}")
"""The name of a folder of ours. Others may have put theirs below the same prefix."""


class Filled(Struct, frozen=True):
    """The new history. `records`: how many it begins with."""

    epoch: str
    revision: int
    records: int


class Occupied(Exception):
    """There are records already, and nobody said that they may go."""


class InDoubt(StoreUnavailable):
    """Whether the records are in their place now is not known: etcd may still carry out what it did not answer."""


async def fill(
    client: Client, prefix: str, loaded: Loaded, *, replace: bool, rng: Random | None = None
) -> Filled:
    """Raises `Occupied`, `InDoubt`, `StoreUnavailable`."""
    rng = rng or SystemRandom()
    header, home, epoch, _ = await founding.look(client, prefix)
    if home is not None and not replace and await _occupied(client, prefix, home):
        raise Occupied(f"etcd has records below {prefix!r} already")
    there = HomeSays(mint_epoch(rng), loaded.revision + LEAP)
    says = EpochSays(mint_epoch(rng), header.cluster_id)
    folder = f"{prefix}/{there.name}/".encode()
    try:
        await _write(client, folder + b"k/", loaded.records)
    except StoreUnavailable:
        await _if_it_can(_remove(client, folder))
        raise
    moved = await _move(client, prefix, there, _moving(prefix, home, epoch, there, says))
    await _if_it_can(_clear(client, prefix, there.name, moved))
    return Filled(says.name, there.base, len(loaded.records))


async def _write(client: Client, folder: bytes, records: Sequence[Stored]) -> None:
    for part in _parts(records):
        puts = [txn.put(folder + each.key.encode(), layouts.seal(each.op, each.value)) for each in part]
        await client.ask(TXN, MESSAGES["TxnRequest"](success=puts))


async def _move(client: Client, prefix: str, there: HomeSays, request: Any) -> int:
    """Etcd's revision of the move. A lost answer is settled by the name of the folder, which nobody else knows."""
    lost = ""
    try:
        answer = await client.ask(TXN, request)
        if answer.succeeded:
            return int(answer.header.revision)
    except StoreUnavailable as error:
        lost = str(error)
    try:
        _, home, _, _ = await founding.look(client, prefix)
    except StoreUnavailable as error:
        lost = str(error)
    else:
        if home is not None and layouts.home_says(home.value).name == there.name:
            return int(home.mod_revision)
    if lost:
        raise InDoubt(f"{lost}; whether the records are in their place now is not known")
    raise StoreUnavailable("somebody else restored this etcd at the same time: look, and try again")


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


def _moving(prefix: str, home: Any, epoch: Any, there: HomeSays, says: EpochSays) -> Any:
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


async def _occupied(client: Client, prefix: str, home: Any) -> bool:
    folder = f"{prefix}/{layouts.home_says(home.value).name}/k/".encode()
    return await _first(client, folder, layouts.after(folder)) is not None


async def _clear(client: Client, prefix: str, name: str, moved: int) -> None:
    """Remove the folder of the history before, and those that interrupted moves left. Who began one since the move is still at it."""
    start, end = layouts.everything(prefix)
    at = start
    while (key := await _first(client, at, end)) is not None:
        folder, slash, _ = key.removeprefix(start).partition(b"/")
        at = layouts.after(start + folder + slash) if slash else key + b"\0"
        if not slash or not _FOLDER.fullmatch(folder) or folder == name.encode():
            continue
        if await _first(client, start + folder + slash, at, max_mod_revision=moved) is not None:
            await _remove(client, start + folder + slash)


async def _first(client: Client, start: bytes, end: bytes, **which: int) -> bytes | None:
    """The first key of a range."""
    look = txn.read(start, range_end=end, limit=1, keys_only=True, **which)
    answer = await client.ask(TXN, MESSAGES["TxnRequest"](success=[look]))
    return next((kv.key for kv in answer.responses[0].response_range.kvs), None)


async def _if_it_can(clearing: Awaitable[None]) -> None:
    """What is left over is in nobody's way, and goes with the next move."""
    with suppress(StoreUnavailable):
        await clearing


async def _remove(client: Client, folder: bytes) -> None:
    gone = MESSAGES["DeleteRangeRequest"](key=folder, range_end=layouts.after(folder))
    await client.ask(TXN, MESSAGES["TxnRequest"](success=[MESSAGES["RequestOp"](request_delete_range=gone)]))
