"""A backup is a moment of the live store; a restored one is another history."""

import asyncio
import os
import shutil
from contextlib import aclosing
from pathlib import Path
from random import Random

import pytest
from tests.storage.batches import commit, put, puts, values

from muster.storage.sqlite import (
    FILE_NAME,
    Backup,
    BackupFailed,
    Restored,
    SqliteStore,
    StoreRefused,
    restore,
)
from muster.storage.sqlite.restore import UNREADABLE_LEAP

# --- backup ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / FILE_NAME


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_backup_is_one_private_file_that_says_what_it_holds(tmp_path: Path, path: Path) -> None:
    store = await SqliteStore.open(path)
    epoch = (await store.load()).epoch
    await commit(store, put("a"))
    backup = tmp_path / "backup" / "a.db"
    backup.parent.mkdir()
    taken = await store.backup(backup)
    await store.close()
    assert taken == Backup(backup, backup.stat().st_size, epoch, 1)
    assert names(backup.parent) == ["a.db"]
    assert backup.stat().st_mode & 0o777 == 0o600


async def test_commits_go_on_during_a_backup_and_it_holds_exactly_one_moment(
    tmp_path: Path, path: Path
) -> None:
    store = await SqliteStore.open(path)
    for n in range(10):  # 20 MB: some forty steps
        await commit(store, puts(f"bulk-{n}", *(f"bulk-{n}-{k:03}" for k in range(1000)), value=b"x" * 2000))
    before = (await store.load()).revision
    backing_up = asyncio.create_task(store.backup(tmp_path / "a.db"))  # noqa: TID251 - awaited below
    last = before
    while not backing_up.done():
        last = await commit(store, put(f"during-{last + 1}"))
    taken = await backing_up
    await store.close()
    assert before < taken.revision <= last

    restore(tmp_path / "a.db", tmp_path / "restored")
    store = await SqliteStore.open(tmp_path / "restored" / FILE_NAME)
    during = {key for key in await values(store) if key.startswith("during")}
    await store.close()
    assert during == {f"during-{n}" for n in range(before + 1, taken.revision + 1)}


async def test_an_existing_file_is_overwritten_only_if_asked(tmp_path: Path, path: Path) -> None:
    backup = tmp_path / "a.db"
    backup.write_text("precious")
    store = await SqliteStore.open(path)
    with pytest.raises(BackupFailed, match="exists: choose another name, or ask to overwrite it"):
        await store.backup(backup)
    assert backup.read_text() == "precious"
    assert (await store.backup(backup, overwrite=True)).revision == 0
    await store.close()


@pytest.mark.parametrize("name", [FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}.lock", f"../data/{FILE_NAME}"])
async def test_a_backup_does_not_replace_the_live_store(path: Path, name: str) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(BackupFailed, match="would replace a file of the live store"):
        await store.backup(path.parent / name, overwrite=True)
    assert await commit(store, put("a")) == 1
    await store.close()


async def test_a_backup_into_a_directory_that_is_not_there(tmp_path: Path, path: Path) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(BackupFailed, match="cannot be written: No such file or directory"):
        await store.backup(tmp_path / "nowhere" / "a.db")
    await store.close()


async def test_a_backup_of_a_closed_store(tmp_path: Path, path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.close()
    with pytest.raises(BackupFailed, match="the store is closed"):
        await store.backup(tmp_path / "a.db")
    assert names(tmp_path) == ["data"]


# --- restore ---


async def make_backup(path: Path, backup: Path, *, then: int = 0) -> None:
    """A store with record `saved`, backed up, and after that so many further commits."""
    store = await SqliteStore.open(path)
    await commit(store, put("saved"))
    await store.backup(backup)
    for n in range(then):
        await commit(store, put(f"later-{n}"))
    await store.close()


async def test_a_restored_store_is_a_new_history_above_the_old(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db", then=5)
    restored = restore(tmp_path / "a.db", path.parent, rng=Random(1))
    assert restored == Restored(path, restored.epoch, 7, path.with_name(f"{FILE_NAME}.replaced-1"))
    store = await SqliteStore.open(path)
    loaded = await store.load()
    assert (loaded.epoch, loaded.revision) == (restored.epoch, 7)
    assert [record.key for record in loaded.records] == ["saved"]
    assert await commit(store, put("new")) == 8
    async with aclosing(store.tail(7)) as tail:  # type: ignore[type-var]
        assert (await anext(tail)).revision == 8  # type: ignore[union-attr]
    await store.close()


async def test_the_old_file_is_kept_whole_also_if_its_process_died(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db")
    store = await SqliteStore.open(path)
    await commit(store, put("unsaved"))
    shutil.copytree(path.parent, tmp_path / "died")
    await store.close()
    path = tmp_path / "died" / FILE_NAME

    restored = restore(tmp_path / "a.db", path.parent)
    assert restored.revision == 3
    assert names(path.parent) == [FILE_NAME, f"{FILE_NAME}.lock", f"{FILE_NAME}.replaced-1"]
    assert restored.aside
    store = await SqliteStore.open(restored.aside)
    assert set(await values(store)) == {"saved", "unsaved"}
    await store.close()


async def test_restoring_twice_keeps_both_old_files(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db")
    revisions = [restore(tmp_path / "a.db", path.parent).revision for _ in range(2)]
    assert revisions == [2, 3]
    assert names(path.parent)[-2:] == [f"{FILE_NAME}.replaced-1", f"{FILE_NAME}.replaced-2"]


async def test_a_restore_into_an_empty_directory(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db", then=3)
    restored = restore(tmp_path / "a.db", tmp_path / "new" / "data")
    assert (restored.revision, restored.aside) == (2, None)
    assert (tmp_path / "new" / "data" / FILE_NAME).stat().st_mode & 0o777 == 0o600


async def test_a_damaged_file_is_replaced_and_kept_and_its_revisions_are_leapt_over(
    tmp_path: Path, path: Path
) -> None:
    await make_backup(path, tmp_path / "a.db")
    os.truncate(path, 5000)
    restored = restore(tmp_path / "a.db", path.parent)
    assert restored.revision == 1 + UNREADABLE_LEAP + 1
    assert restored.aside
    assert restored.aside.stat().st_size == 5000
    store = await SqliteStore.open(path)
    assert set(await values(store)) == {"saved"}
    await store.close()


async def test_a_running_registry_is_not_restored_over(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db")
    store = await SqliteStore.open(path)
    with pytest.raises(StoreRefused, match="is in use by process"):
        restore(tmp_path / "a.db", path.parent)
    assert await commit(store, put("new")) == 2
    await store.close()


async def test_what_is_not_a_backup_changes_nothing(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db")
    before = content(path)
    (tmp_path / "text.db").write_text("hello")
    os.truncate(tmp_path / "a.db", 9000)
    for name, words in {
        "text.db": "is not an SQLite database",
        "a.db": "is damaged .* use another backup",
        "none.db": "No such file",
    }.items():
        with pytest.raises(StoreRefused, match=words):
            restore(tmp_path / name, path.parent)
    assert content(path) == before
    assert names(path.parent) == [FILE_NAME, f"{FILE_NAME}.lock"]


async def test_the_copy_of_a_live_file_is_not_a_backup(tmp_path: Path, path: Path) -> None:
    await make_backup(path, tmp_path / "a.db")
    (tmp_path / "a.db-wal").write_bytes(b"log")
    with pytest.raises(StoreRefused, match="is not a finished backup"):
        restore(tmp_path / "a.db", path.parent)
