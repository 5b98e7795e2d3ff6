"""Finding the history that an etcd holds, or beginning one: on an empty prefix, over a copy of another cluster's data, or where etcd
was put back to an older state than some registry has seen.

Whoever comes first writes; whoever comes second finds it written. Both read what is there afterwards.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from muster.registry.store import StoreUnavailable
from muster.storage.history import mint_epoch

from . import layout as layouts
from . import transactions as txn
from .client import TXN, Client
from .failures import CallFailed, unavailable
from .layout import EpochSays, HomeSays, Layout, epoch_key, home_key
from .messages import MESSAGES

ATTEMPTS = 5
"""Registries that begin a history at the same moment; one of them succeeds."""


class Found(Struct, frozen=True):
    """The history, and etcd's revision when it was looked for. `last_at`: etcd's revision of the last transaction, 0 for none."""

    layout: Layout
    theirs: int
    last_at: int


async def look(client: Client, prefix: str, last: bytes = b"") -> tuple[Any, Any, Any, Any]:
    """(header, home, epoch, last): linearizable, all of one moment; None for a key that is not there."""
    keys = [home_key(prefix), epoch_key(prefix), *([last] if last else [])]
    answer = await client.ask(TXN, MESSAGES["TxnRequest"](success=[txn.read(key) for key in keys]))
    found = [next(iter(response.response_range.kvs), None) for response in answer.responses]
    return answer.header, found[0], found[1], found[2] if last else None


async def found(client: Client, prefix: str, rng: Random, *, base: int = 0, stale: str = "") -> Found:
    """The history below `prefix`. A new one begins above revision `base`; the epoch called `stale` is not taken for an answer.

    Raises `StoreUnavailable`.
    """
    for _ in range(ATTEMPTS):
        header, home, epoch = (await look(client, prefix))[:3]
        if home is None:
            await _begin(client, prefix, HomeSays(mint_epoch(rng), base), mint_epoch(rng), header)
        elif epoch is None or not _stands(epoch, header, stale):
            await _begin_epoch(client, prefix, epoch, mint_epoch(rng), header)
        else:
            return await _as_it_is(client, prefix, home, epoch)
    raise StoreUnavailable(f"etcd below {prefix!r}: too many registries begin a history at once; try again")


async def holding(client: Client, prefix: str) -> Layout | None:
    """The history below `prefix`, whichever cluster it began in; None if there is none. Writes nothing.

    Raises `StoreUnavailable`.
    """
    _, home, epoch, _ = await look(client, prefix)
    return None if home is None or epoch is None else _layout(prefix, home, epoch)


def _stands(epoch: Any, header: Any, stale: str) -> bool:
    says = _read(layouts.epoch_says, epoch)
    return bool(says.cluster == header.cluster_id) and says.name != stale


async def _as_it_is(client: Client, prefix: str, home: Any, epoch: Any) -> Found:
    layout = _layout(prefix, home, epoch)
    header, _, _, last = await look(client, prefix, layout.last)
    return Found(layout, header.revision, last.mod_revision if last else 0)


def _layout(prefix: str, home: Any, epoch: Any) -> Layout:
    return Layout(
        prefix,
        _read(layouts.home_says, home),
        home.mod_revision,
        _read(layouts.epoch_says, epoch),
        epoch.mod_revision,
    )


def _read(read: Any, kv: Any) -> Any:
    try:
        return read(kv.value)
    except msgspec.DecodeError as error:
        key = kv.key.decode(errors="replace")
        raise StoreUnavailable(
            f"etcd holds something else at {key!r} ({error}): choose another prefix"
        ) from None


async def _begin(client: Client, prefix: str, home: HomeSays, epoch: str, header: Any) -> None:
    says = EpochSays(epoch, header.cluster_id)
    await _once(
        client,
        MESSAGES["TxnRequest"](
            compare=[txn.at(home_key(prefix), layouts.ABSENT)],
            success=[
                txn.put(home_key(prefix), layouts.encode(home)),
                txn.put(epoch_key(prefix), layouts.encode(says)),
            ],
        ),
    )


async def _begin_epoch(client: Client, prefix: str, seen: Any, epoch: str, header: Any) -> None:
    says = EpochSays(epoch, header.cluster_id)
    await _once(
        client,
        MESSAGES["TxnRequest"](
            compare=[txn.at(epoch_key(prefix), seen.mod_revision if seen else layouts.ABSENT)],
            success=[txn.put(epoch_key(prefix), layouts.encode(says))],
        ),
    )


async def _once(client: Client, request: Any) -> None:
    """Guarded, so that a lost answer needs no settling: what is there is read again."""
    try:
        await client.call(TXN, request)
    except CallFailed as failed:
        raise unavailable(failed) from None
