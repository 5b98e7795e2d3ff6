"""What a failing disk means for a commit: certainly not there, or unknown until the file has been read again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.disk import fill, small_disk
from tests.storage.batches import commit, put, puts, take, values
from tests.storage.faulty_disk import FaultyDisk, disk_error

from muster.registry.store import Changes, CommitOutcome, Committed, StoreUnavailable, Unknown
from muster.storage.sqlite import FILE_NAME, BackupFailed, SqliteStore, StoreRefused

# --- a disk that is full ---


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


async def commit_until_refused(store: SqliteStore, prefix: str) -> tuple[list[str], str]:
    """The keys that were acknowledged, and what was said to the one that was not."""
    keys: list[str] = []
    try:
        while True:
            await commit(store, put(key := f"{prefix}-{len(keys)}", b"x" * 3000))
            keys.append(key)
    except StoreUnavailable as error:
        return keys, str(error)


@pytest.mark.fault
async def test_a_full_disk_refuses_writes_and_recovers_by_itself(small: Path) -> None:
    path = small / FILE_NAME
    store = await SqliteStore.open(path)
    tail = store.tail(0)
    await commit(store, put("first"))
    ballast = fill(small)

    keys, said = await commit_until_refused(store, "full")
    assert said.startswith(f"{path}: the disk is full: free some space, writing then goes on by itself")
    assert set(await values(store)) == {"first", *keys}
    with pytest.raises(StoreUnavailable):
        await store.commit(puts("large", *"abc", value=b"x" * 100_000))

    ballast.unlink()
    await commit(store, put("recovered", op="recovered"))
    acknowledged = {"first", *keys, "recovered"}
    assert set(await values(store)) == acknowledged
    assert len(await take(tail, len(acknowledged))) == len(acknowledged)
    await store.close()

    store = await SqliteStore.open(path)
    assert set(await values(store)) == acknowledged
    await store.close()


@pytest.mark.fault
async def test_a_store_closed_on_a_full_disk_has_everything_when_there_is_room_again(
    small: Path,
) -> None:
    path = small / FILE_NAME
    store = await SqliteStore.open(path)
    keys, _ = await commit_until_refused(store, "key")
    await store.close()
    fill(small)
    store = await SqliteStore.open(path)
    assert set(await values(store)) == set(keys)
    await store.close()


@pytest.mark.fault
async def test_a_store_cannot_begin_on_a_full_disk(small: Path) -> None:
    fill(small)
    with pytest.raises(StoreRefused, match="the disk is full: free some space"):
        await SqliteStore.open(small / FILE_NAME)


@pytest.mark.fault
async def test_a_backup_that_does_not_fit_leaves_nothing(tmp_path: Path, small: Path) -> None:
    store = await SqliteStore.open(tmp_path / FILE_NAME)
    await commit(store, puts("op", *"abcdefgh", value=b"x" * 400_000))
    with pytest.raises(BackupFailed, match="the disk is full"):
        await store.backup(small / "backup.db")
    assert names(small) == []
    assert await commit(store, put("after")) == 2
    await store.close()


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


# --- a disk that fails in the middle of a statement ---


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
async def store(tmp_path: Path, disk: FaultyDisk) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / FILE_NAME, connection=disk.kind)
    await commit(store, put("before"))
    yield store
    await store.close()


@pytest.mark.parametrize("at", ["BEGIN", "SELECT json_group", "INSERT", "DELETE", "UPDATE head"])
@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_READONLY", "SQLITE_CORRUPT"])
async def test_a_failure_before_the_commit_is_certain(
    store: SqliteStore, disk: FaultyDisk, at: str, name: str
) -> None:
    disk.fail_once(at, disk_error(name))
    batch = put("new", b"1")
    if at == "DELETE":
        batch = put("before", None, expected=1)  # type: ignore[arg-type]
    before = await store.load()
    with pytest.raises(StoreUnavailable, match=name):
        await store.commit(batch)
    assert await store.load() == before
    assert await store.commit(batch) == Committed(2)


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_READONLY"])
async def test_a_commit_that_cannot_be_written_is_certainly_not_there(
    store: SqliteStore, disk: FaultyDisk, name: str
) -> None:
    disk.fail_once("COMMIT", disk_error(name))
    with pytest.raises(StoreUnavailable, match=name):
        await store.commit(put("new"))
    assert set(await values(store)) == {"before"}


async def test_a_sync_that_fails_leaves_the_commit_unknown_and_here_it_is_there(
    store: SqliteStore, disk: FaultyDisk
) -> None:
    tail = store.tail(1)
    disk.fail_once("COMMIT", disk_error("SQLITE_IOERR_FSYNC"), really=True)
    outcomes = await asyncio.gather(*(store.commit(put(f"new-{n}", op=f"mine-{n}")) for n in range(3)))
    assert any(isinstance(outcome, Unknown) for outcome in outcomes)
    heard = await settle(store, tail)
    assert {f"mine-{n}" for n in range(3)} < heard
    assert set(await values(store)) == {"before", "new-0", "new-1", "new-2", "settles"}


async def test_a_sync_that_fails_leaves_the_commit_unknown_and_here_it_is_not_there(
    store: SqliteStore, disk: FaultyDisk
) -> None:
    tail = store.tail(1)
    disk.fail_once("COMMIT", disk_error("SQLITE_IOERR_FSYNC"))
    outcome: CommitOutcome = await store.commit(put("new", op="mine"))
    assert isinstance(outcome, Unknown)
    assert "the disk reports an I/O error" in outcome.reason
    assert await settle(store, tail) == {"settles"}
    assert set(await values(store)) == {"before", "settles"}


async def settle(store: SqliteStore, tail: Any) -> set[str]:
    """What the tail tells up to a commit that comes after all others."""
    last = await commit(store, put("settles", op="settles"))
    events = await take(tail, last - 1)
    return {event.op for event in events if isinstance(event, Changes)}


async def test_a_bug_stops_its_caller_and_nobody_else(store: SqliteStore, disk: FaultyDisk) -> None:
    disk.fail_once("INSERT", RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        await store.commit(put("new"))
    assert await store.commit(put("new")) == Committed(2)


async def test_a_failing_load_is_unavailable_and_the_next_is_not(
    store: SqliteStore, disk: FaultyDisk
) -> None:
    disk.fail_once("SELECT key, value", disk_error("SQLITE_IOERR_READ"))
    with pytest.raises(StoreUnavailable, match="I/O error"):
        await store.load()
    assert set(await values(store)) == {"before"}
