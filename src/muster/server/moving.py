"""Moving a registry's records from one store to another: a file or an etcd at either end."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from muster.model.errors import Unavailable
from muster.registry.store import Loaded, Store, StoreUnavailable
from muster.server import shared
from muster.server.config import BadConfig
from muster.server.settings import Settings, StoreName
from muster.storage.carrying import carried
from muster.storage.sqlite import FILE_NAME, BackupFailed, StoreRefused
from muster.storage.sqlite.copying import read, write
from muster.storage.sqlite.restore import check_backup

FILE = "sqlite:"
FAILURES = (StoreUnavailable, StoreRefused, BackupFailed, OSError, ValueError, BadConfig)
"""What may be wrong at either end."""


class Moved(Struct, frozen=True):
    """What is there now."""

    to: str
    records: int
    epoch: str
    revision: int


class Restored(Struct, frozen=True):
    """The new history. `aside`: the file with what was there before, None if there was nothing."""

    to: str
    records: int
    epoch: str
    revision: int
    aside: str | None


class CannotMove(Exception):
    """Nothing was changed where the records were to go. The message says why and what helps."""


def move(settings: Settings, source: str, target: str, *, replace: bool) -> Moved:
    """`source`, `target`: `sqlite:PATH` (a file, or a data directory) or an etcd's URL. Raises `CannotMove`."""
    try:
        return asyncio.run(_move(settings, source, target, replace=replace))
    except FAILURES as error:
        raise CannotMove(str(error)) from error


def restore(settings: Settings, backup: Path) -> Restored:
    """Put a backup in the place of what the settings' etcd holds, under live replicas or none, and save that beside the backup first.
    Raises `CannotMove`."""
    try:
        check_backup(backup)
        return asyncio.run(_restore(settings, backup))
    except FAILURES as error:
        raise CannotMove(str(error)) from error


async def _restore(settings: Settings, backup: Path) -> Restored:
    there = await _load(settings, settings.store)
    aside = await asyncio.to_thread(_keep, backup, carried(there)) if there.records else None
    moved = await _move(settings, f"{FILE}{backup}", settings.store, replace=True)
    return Restored(moved.to, moved.records, moved.epoch, moved.revision, str(aside) if aside else None)


def _keep(backup: Path, loaded: Loaded) -> Path:
    """As `muster restore` does with a file: nothing that was kept is thrown away unseen."""
    aside = next(
        name for n in count(1) if not (name := backup.with_name(f"{backup.name}.replaced-{n}")).exists()
    )
    write(aside, loaded)
    return aside


async def _move(settings: Settings, source: str, target: str, *, replace: bool) -> Moved:
    loaded = carried(await _load(settings, source))
    if target.startswith(FILE):
        path = _file(target)
        await asyncio.to_thread(write, path, loaded, overwrite=replace)
        return Moved(str(path), len(loaded.records), loaded.epoch, loaded.revision)
    return await _fill(settings, target, loaded, replace=replace)


async def _load(settings: Settings, source: str) -> Loaded:
    if source.startswith(FILE):
        return await asyncio.to_thread(read, _file(source))
    store = await shared.opened(
        msgspec.structs.replace(settings, store=StoreName(source)), lambda seconds: None
    )
    try:
        return await store.load()
    finally:
        await store.close()


async def _fill(settings: Settings, target: str, loaded: Loaded, *, replace: bool) -> Moved:
    from muster.storage.etcd.client import Client
    from muster.storage.etcd.filling import Occupied, fill
    from muster.storage.etcd.location import parse

    location = parse(target)
    client = Client(location, shared.credentials(settings))
    try:
        filled = await fill(client, location.prefix, loaded, replace=replace)
    except Occupied as occupied:
        raise CannotMove(
            f"{occupied}; say --replace to put these in their place, or choose another prefix"
        ) from None
    finally:
        await client.close()
    return Moved(str(location), filled.records, filled.epoch, filled.revision)


def _file(place: str) -> Path:
    path = Path(place.removeprefix(FILE)).expanduser()
    return path / FILE_NAME if path.is_dir() else path


class SharedBackups:
    """Backups of a store that is no file, in the form of one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def backup(self, destination: Path) -> None:
        """Raises `Unavailable`."""
        try:
            loaded = carried(await self._store.load())
            await asyncio.to_thread(write, destination, loaded, overwrite=True)
        except (BackupFailed, StoreUnavailable) as failed:
            raise Unavailable("store_unavailable", str(failed)) from None
