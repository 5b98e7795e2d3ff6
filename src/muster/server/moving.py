"""Moving a registry's records from one store to another: a file or an etcd at either end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from msgspec import Struct

from muster.model.errors import Unavailable
from muster.registry.store import Loaded, Store, StoreUnavailable
from muster.server import shared
from muster.server.config import BadConfig
from muster.server.settings import Settings
from muster.storage.carrying import carried
from muster.storage.etcd.location import Location, parse
from muster.storage.sqlite import FILE_NAME, BackupFailed, StoreRefused
from muster.storage.sqlite.copying import put, read, write
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
    """The message says why and what helps. Nothing was changed where the records were to go, unless it is `in_doubt`."""

    def __init__(self, message: str, *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


def move(settings: Settings, source: str, target: str, *, replace: bool) -> Moved:
    """`source`, `target`: `sqlite:PATH` (a file, or a data directory) or an etcd's URL. Raises `CannotMove`."""
    with _telling():
        return asyncio.run(_move(settings, _place(source), _place(target), replace=replace))


def restore(settings: Settings, backup: Path) -> Restored:
    """Put a backup in the place of what the settings' etcd holds, under live replicas or none, and save that beside the backup first.
    Raises `CannotMove`."""
    with _telling():
        if not backup.is_file():
            raise CannotMove(f"{backup} is no file: name a backup")
        check_backup(backup)
        return asyncio.run(_restore(settings, backup, parse(settings.store)))


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise CannotMove(str(error)) from error


def _place(place: str) -> Path | Location:
    """Raises `CannotMove`."""
    if place.startswith(FILE):
        path = Path(place.removeprefix(FILE)).expanduser()
        return path / FILE_NAME if path.is_dir() else path
    try:
        return parse(place)
    except ValueError as error:
        raise CannotMove(f"{place!r}: {error}, or sqlite:PATH for a file") from None


async def _restore(settings: Settings, backup: Path, target: Location) -> Restored:
    there = await _held(settings, target)
    aside = await asyncio.to_thread(_keep, backup, carried(there)) if there and there.records else None
    moved = await _move(settings, backup, target, replace=True)
    return Restored(moved.to, moved.records, moved.epoch, moved.revision, str(aside) if aside else None)


def _keep(backup: Path, loaded: Loaded) -> Path:
    """As `muster restore` does with a file: nothing that was kept is thrown away unseen."""
    aside = next(
        name for n in count(1) if not (name := backup.with_name(f"{backup.name}.replaced-{n}")).exists()
    )
    write(aside, loaded)
    return aside


async def _move(
    settings: Settings, source: Path | Location, target: Path | Location, *, replace: bool
) -> Moved:
    held = (
        await asyncio.to_thread(read, source) if isinstance(source, Path) else await _held(settings, source)
    )
    if held is None:
        raise CannotMove(f"{source} holds nothing: is that its prefix?")
    loaded = carried(held)
    if isinstance(target, Path):
        await asyncio.to_thread(put, target, loaded, replace=replace)
        return Moved(str(target), len(loaded.records), loaded.epoch, loaded.revision)
    return await _fill(settings, target, loaded, replace=replace)


async def _held(settings: Settings, source: Location) -> Loaded | None:
    """All that etcd holds there, None if no registry ever was; it is only looked at."""
    client = shared.client(settings, source)
    from muster.storage.etcd import founding, reading

    try:
        layout = await founding.holding(client, source.prefix)
        if layout is None:
            return None
        loaded = await reading.load(client, layout)
    finally:
        await client.close()
    if loaded is None:
        raise StoreUnavailable("another history began there at this moment: ask again")
    return loaded


async def _fill(settings: Settings, target: Location, loaded: Loaded, *, replace: bool) -> Moved:
    client = shared.client(settings, target)
    from muster.storage.etcd.filling import InDoubt, Occupied, fill

    try:
        filled = await fill(client, target.prefix, loaded, replace=replace)
    except Occupied as occupied:
        raise CannotMove(
            f"{occupied}; say --replace to put these in their place, or choose another prefix"
        ) from None
    except InDoubt as doubt:
        raise CannotMove(str(doubt), in_doubt=True) from None
    finally:
        await client.close()
    return Moved(str(target), filled.records, filled.epoch, filled.revision)


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
