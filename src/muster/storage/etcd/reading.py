"""Reading every record, as of one revision, a page at a time."""

from __future__ import annotations

from typing import Any

from muster.model import limits
from muster.registry.store import Loaded, Stored, StoreUnavailable

from . import layout as layouts
from . import transactions as txn
from .client import RANGE, TXN, Client
from .failures import CallFailed
from .layout import Layout, epoch_key, home_key
from .messages import MESSAGES

ATTEMPTS = 3
"""A load that takes longer than etcd keeps its history begins again; so often it is hopeless."""


async def load(client: Client, layout: Layout, page: int = limits.ETCD_PAGE_RECORDS) -> Loaded | None:
    """All records; None if another history has begun. Raises `StoreUnavailable`."""
    for _ in range(ATTEMPTS):
        try:
            return await _load(client, layout, page)
        except CallFailed:
            pass  # compacted meanwhile
    raise StoreUnavailable(
        "etcd is compacted faster than its records can be read: keep at least some minutes of history"
    )


async def _load(client: Client, layout: Layout, page: int) -> Loaded | None:
    answer = await client.ask(TXN, _first(layout, page))
    if not answer.succeeded:
        return None
    theirs, part = answer.header.revision, answer.responses[0].response_range
    records = [stored(kv, layout) for kv in part.kvs]
    while part.more:
        part = await client.ask(RANGE, _next(layout, part.kvs[-1].key, theirs, page))
        records += [stored(kv, layout) for kv in part.kvs]
    return Loaded(records, layout.revision(theirs), layout.epoch.name)


def _first(layout: Layout, page: int) -> Any:
    """The first page, if the history is still the one we know."""
    return MESSAGES["TxnRequest"](
        compare=[
            txn.at(home_key(layout.prefix), layout.home_at),
            txn.at(epoch_key(layout.prefix), layout.epoch_at),
        ],
        success=[txn.read(layout.folder, range_end=layouts.after(layout.folder), limit=page)],
    )


def _next(layout: Layout, last: bytes, theirs: int, page: int) -> Any:
    return MESSAGES["RangeRequest"](
        key=last + b"\0", range_end=layouts.after(layout.folder), limit=page, revision=theirs
    )


def stored(kv: Any, layout: Layout) -> Stored:
    op, value = layouts.unseal(kv.value)
    return Stored(kv.key[len(layout.folder) :].decode(), value, layout.revision(kv.mod_revision), op)
