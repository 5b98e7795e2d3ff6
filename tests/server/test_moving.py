"""Records move between a file and an etcd, and instances go on as if nothing had happened."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.etcd import Cluster, Etcd

from muster.model import record as records
from muster.registry.store import Batch, Committed, EpochChanged, Write
from muster.server.moving import CannotMove, move, restore
from muster.server.settings import Settings, StoreName
from muster.storage.carrying import carried
from muster.storage.etcd.client import Client, Method
from muster.storage.etcd.failures import CallFailed, Meaning
from muster.storage.etcd.filling import InDoubt, fill
from muster.storage.etcd.location import Location, parse
from muster.storage.etcd.store import EtcdStore
from muster.storage.sqlite import FILE_NAME, SqliteStore, copying
from muster.testing.builders import instance, record


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    cluster = Cluster(tmp_path_factory.mktemp("etcd")).start()
    yield cluster.members[0]
    cluster.stop()


async def filled(path: Path) -> None:
    """A database with three instances as they are written when they register, and a policy."""
    store = await SqliteStore.open(path)
    for id in ("web-1", "web-2", "web-3"):
        value = records.encode(record(instance(id), generation=0))
        assert isinstance(await store.commit(Batch("op", (Write(f"i/default/{id}", value, 0),))), Committed)
    await store.commit(Batch("op", (Write("p/default/web", b"{}", 0),)))
    await store.close()


async def read(url: str) -> dict[str, int]:
    """Generations by key."""
    store = await EtcdStore.open(parse(url))
    loaded = await store.load()
    await store.close()
    return {
        each.key: records.decode(each.value).generation
        for each in loaded.records
        if each.key.startswith("i/")
    }


async def folder(url: str) -> str:
    store = await EtcdStore.open(parse(url))
    await store.close()
    return store.layout.home.name


class Losing(Client):
    """So many answers of etcd's do not arrive, from that to the move on: the only request with conditions."""

    def __init__(self, location: Location, *, answers: int) -> None:
        super().__init__(location)
        self.answers = answers
        self._moved = False

    async def call(self, method: Method, request: Any) -> Any:
        answer = await super().call(method, request)
        self._moved = self._moved or bool(getattr(request, "compare", ()))
        if self._moved and self.answers:
            self.answers -= 1
            raise CallFailed(Meaning.DOUBT, "lost")
        return answer


GENERATIONS = {"i/default/web-1": 1, "i/default/web-2": 2, "i/default/web-3": 3}


async def test_a_registry_grows_up_without_losing_anything(tmp_path: Path, etcd: Etcd) -> None:
    await filled(tmp_path / FILE_NAME)
    url = f"etcd://{etcd.target}/grown"
    moved = await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", url, replace=False)
    assert (moved.records, moved.revision > 4) == (4, True)
    assert await read(url) == GENERATIONS

    with pytest.raises(CannotMove, match="say --replace"):
        await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", url, replace=False)

    back = tmp_path / "back.db"
    await asyncio.to_thread(move, Settings(), url, f"sqlite:{back}", replace=False)
    again = f"etcd://{etcd.target}/again"
    await asyncio.to_thread(move, Settings(), f"sqlite:{back}", again, replace=False)
    assert await read(again) == GENERATIONS


async def test_live_replicas_go_over_to_what_is_put_in_the_place_of_theirs(
    tmp_path: Path, etcd: Etcd
) -> None:
    await filled(tmp_path / FILE_NAME)
    url = f"etcd://{etcd.target}/live"
    store = await EtcdStore.open(parse(url))
    await store.commit(Batch("op", (Write("i/default/old", records.encode(record(instance("old"))), 0),)))
    before = await store.load()
    tail = store.tail(before.revision)
    await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", url, replace=True)
    async with asyncio.timeout(10):
        events = [event async for event in tail]
    after = await store.load()
    assert [type(event).__name__ for event in events] == ["EpochChanged"]
    assert {each.key for each in after.records} == {*GENERATIONS, "p/default/web"}
    assert after.revision > before.revision
    await store.close()


def test_what_cannot_be_moved(tmp_path: Path) -> None:
    with pytest.raises(CannotMove, match="is not there"):
        move(Settings(), f"sqlite:{tmp_path / 'none.db'}", "etcd://127.0.0.1:1/x", replace=False)
    with pytest.raises(CannotMove, match="write etcd://HOST"):
        move(Settings(), "mysql:x", "etcd://127.0.0.1:1/x", replace=False)


async def test_a_backup_is_restored_under_live_replicas_and_what_was_there_is_kept(
    tmp_path: Path, etcd: Etcd
) -> None:
    await filled(tmp_path / FILE_NAME)
    backup, url = tmp_path / "monday.backup", f"etcd://{etcd.target}/restored"
    await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", f"sqlite:{backup}", replace=False)
    settings = Settings(store=StoreName(url))
    first = await asyncio.to_thread(restore, settings, backup)
    assert (first.records, first.aside) == (4, None)

    store = await EtcdStore.open(parse(url))
    await store.commit(Batch("op", (Write("i/default/new", records.encode(record(instance("new"))), 0),)))
    tail = store.tail((await store.load()).revision)
    second = await asyncio.to_thread(restore, settings, backup)
    async with asyncio.timeout(10):
        assert [event async for event in tail] == [EpochChanged(second.epoch)]
    assert second.epoch != first.epoch
    assert await read(url) == GENERATIONS
    await store.close()

    assert second.aside == f"{backup}.replaced-1"
    undone = f"etcd://{etcd.target}/undone"
    await asyncio.to_thread(restore, Settings(store=StoreName(undone)), Path(second.aside))
    assert (await read(undone)).keys() == {*GENERATIONS, "i/default/new"}


async def test_what_an_interrupted_move_left_goes_with_the_next_one(tmp_path: Path, etcd: Etcd) -> None:
    await filled(tmp_path / FILE_NAME)
    url = f"etcd://{etcd.target}/cleared"
    for name in ("cleared/00000000deadbeef/k/i/default/web-1", "cleared/east/home", "cleared/east/k/x"):
        etcd.ctl("put", name, "left")
    await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", url, replace=False)
    await asyncio.to_thread(move, Settings(), f"sqlite:{tmp_path}", url, replace=True)
    keys = etcd.ctl("get", "--prefix", "cleared/", "--keys-only").split()
    folders = {key.split("/")[1] for key in keys}
    assert folders - {"home", "epoch", "east"} == {await folder(url)}
    assert [key for key in keys if "east" in key] == ["cleared/east/home", "cleared/east/k/x"]
    assert await read(url) == GENERATIONS


async def test_a_move_whose_answer_was_lost_is_done(tmp_path: Path, etcd: Etcd) -> None:
    """Asked a second time, etcd finds that `home` has changed: by ourselves."""
    await filled(tmp_path / FILE_NAME)
    client = Losing(parse(url := f"etcd://{etcd.target}/lost"), answers=1)
    done = await fill(client, "lost", carried(copying.read(tmp_path / FILE_NAME)), replace=False)
    await client.close()
    assert (client.answers, done.records, await read(url)) == (0, 4, GENERATIONS)


async def test_a_move_that_nobody_can_tell_of_is_in_doubt(tmp_path: Path, etcd: Etcd) -> None:
    await filled(tmp_path / FILE_NAME)
    client = Losing(parse(url := f"etcd://{etcd.target}/doubt"), answers=100)
    with pytest.raises(InDoubt, match="not known"):
        await fill(client, "doubt", carried(copying.read(tmp_path / FILE_NAME)), replace=False)
    await client.close()
    assert await read(url) == GENERATIONS


def test_a_copy_of_nothing_is_refused_and_begins_no_history(tmp_path: Path, etcd: Etcd) -> None:
    with pytest.raises(CannotMove, match="holds nothing"):
        move(Settings(), f"etcd://{etcd.target}/typo", f"sqlite:{tmp_path / 'empty.db'}", replace=False)
    assert etcd.ctl("get", "--prefix", "typo", "--keys-only") == ""
    assert not (tmp_path / "empty.db").exists()


async def test_a_database_is_replaced_with_its_log_and_never_under_a_registry(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    await filled(new)
    running = await SqliteStore.open(old)
    await running.commit(Batch("op", (Write("p/default/old", b"{}", 0),)))
    kept = old.with_name("old.db-wal").read_bytes()
    with pytest.raises(CannotMove, match="is in use by"):
        await asyncio.to_thread(move, Settings(), f"sqlite:{new}", f"sqlite:{old}", replace=True)
    await running.commit(Batch("op", (Write("p/default/older", b"{}", 0),)))
    await running.close()

    old.with_name("old.db-wal").write_bytes(kept)  # as a registry that was killed leaves it
    await asyncio.to_thread(move, Settings(), f"sqlite:{new}", f"sqlite:{old}", replace=True)
    assert {each.key for each in copying.read(old).records} == {*GENERATIONS, "p/default/web"}
    store = await SqliteStore.open(old)
    assert len((await store.load()).records) == 4
    await store.close()


def test_a_backup_that_is_no_file(tmp_path: Path, etcd: Etcd) -> None:
    for odd in (tmp_path, tmp_path / "none", Path()):
        with pytest.raises(CannotMove, match="is no file"):
            restore(Settings(store=StoreName(f"etcd://{etcd.target}/none")), odd)


def test_what_is_no_backup_is_not_restored(tmp_path: Path, etcd: Etcd) -> None:
    (tmp_path / "letter").write_text("Dear Sir or Madam")
    with pytest.raises(CannotMove, match="is not an SQLite database"):
        restore(Settings(store=StoreName(f"etcd://{etcd.target}/none")), tmp_path / "letter")
