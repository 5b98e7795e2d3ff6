"""A store full of instances, written as the registry would have written them, without the hour of registering."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from muster.core.commands import Register
from muster.core.decide import decide
from muster.core.state import State
from muster.model import limits
from muster.model.record import Record, encode
from muster.registry.layout import INSTANCES
from muster.registry.store import Batch, Loaded, Stored, Write
from muster.storage.carrying import carried
from muster.storage.sqlite import FILE_NAME, SqliteStore
from muster.wire import registration

AT = 1_700_000_000_000
"""When they say they registered (wall-clock ms)."""


def fill(data: Path, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Put a record for each registration into the store at `data`, in transactions of the size the registry uses."""
    asyncio.run(_fill(data, map(_record, bodies)))


def loaded(bodies: Iterable[Mapping[str, Any]]) -> Loaded:
    """The same as a store would tell it, to be put into another one."""
    stored = (
        Stored(INSTANCES + record.key, encode(record), revision, f"fill-{revision}")
        for revision, record in enumerate(map(_record, bodies), 1)
    )
    records = tuple(stored)
    return carried(Loaded(records, len(records), "0" * 16))


def _record(body: Mapping[str, Any]) -> Record:
    told = registration.parse(msgspec.json.encode(body), "default")
    record = decide(State(), Register(told.instance, told.incarnation, told.starting, b"", AT))
    assert isinstance(record, Record)
    return record


async def _fill(data: Path, records: Iterable[Record]) -> None:
    store = await SqliteStore.open(data / FILE_NAME)
    remaining = iter(records)
    number = 0
    while batch := list(islice(remaining, limits.BATCH_WRITES)):
        writes = tuple(Write(INSTANCES + record.key, encode(record), 0) for record in batch)
        await store.commit(Batch(f"fill-{number}", writes))
        number += 1
    await store.close()
