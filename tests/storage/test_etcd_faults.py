"""What the store on etcd does when etcd is compacted, put back, emptied, stopped, or one of several."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
from tests.etcd import Cluster, Etcd
from tests.storage.batches import changes, commit, put, puts, take, values

from muster.model import limits
from muster.registry.store import (
    Committed,
    Compacted,
    Conflict,
    EpochChanged,
    Removed,
    StoreUnavailable,
    Unknown,
    Write,
)
from muster.storage.etcd.client import Client
from muster.storage.etcd.founding import found
from muster.storage.etcd.location import Credentials, parse
from muster.storage.etcd.reading import load
from muster.storage.etcd.store import UNCOMPACTED, EtcdStore

_prefixes = count()


@pytest.fixture
def prefix() -> str:
    return f"faults/{next(_prefixes)}"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """An etcd to do harm to."""
    cluster = Cluster(tmp_path / "etcd").start()
    yield cluster
    cluster.stop()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "etcd", 3).start()
    yield cluster
    cluster.stop()


async def opened(etcd: Etcd | Cluster, prefix: str = "muster", **options: int) -> EtcdStore:
    target = etcd.target if isinstance(etcd, Etcd) else etcd.url.removeprefix("etcd://")
    return await EtcdStore.open(parse(f"etcd://{target}/{prefix}"), **options)


@pytest.fixture
async def store(etcd: Etcd, prefix: str) -> AsyncIterator[EtcdStore]:
    store = await opened(etcd, prefix)
    yield store
    await store.close()


async def insist(store: EtcdStore, key: str) -> None:
    """Commit, however often it takes."""
    async with asyncio.timeout(30):
        while True:
            try:
                outcome = await store.commit(put(key, op=key))
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            if isinstance(outcome, Committed | Conflict):  # a conflict is with our own lost answer
                return


async def refused(store: EtcdStore) -> Unknown | StoreUnavailable:
    """What becomes of a write while etcd is away."""
    try:
        outcome = await store.commit(put("during"))
    except StoreUnavailable as error:
        return error
    assert isinstance(outcome, Unknown)
    return outcome


# --- Several ----------------------------------------------------------------------------------------------------------


async def test_two_stores_tell_the_same_and_cannot_overwrite_each_other(
    etcd: Etcd, prefix: str, store: EtcdStore
) -> None:
    other = await opened(etcd, prefix)
    tails = [store.tail(0), other.tail(0)]
    await commit(store, put("a", op="one"))
    assert await other.commit(put("a", op="two")) == Conflict(("a",))
    await commit(other, put("a", expected=1, op="three"))
    assert [await take(tail, 2) for tail in tails] == [[changes(1, "one", "a"), changes(2, "three", "a")]] * 2
    assert await store.load() == await other.load()
    await other.close()


async def test_two_prefixes_know_nothing_of_each_other(etcd: Etcd, store: EtcdStore, prefix: str) -> None:
    other = await opened(etcd, prefix + "0")
    await commit(other, put("a"))
    tail = store.tail(0)
    revision = await commit(store, put("b"))
    assert await take(tail, 1) == [changes(revision, "op", "b")]
    assert set(await values(other)) == {"a"}
    await other.close()


async def test_a_store_goes_on_where_another_one_stopped(etcd: Etcd, prefix: str, store: EtcdStore) -> None:
    await commit(store, put("a"))
    before = await store.load()
    await store.close()
    again = await opened(etcd, prefix)
    assert await again.load() == before
    assert await commit(again, put("b")) == 2
    await again.close()


async def test_a_load_of_many_pages_is_of_one_moment(store: EtcdStore, etcd: Etcd) -> None:
    for n in range(5):
        await commit(store, puts(f"op{n}", *(f"{n}-{k}" for k in range(20))))
    loaded = await load(store.client, store.layout, page=7)
    assert loaded is not None
    assert {record.key for record in loaded.records} == {f"{n}-{k}" for n in range(5) for k in range(20)}


# --- Leases -----------------------------------------------------------------------------------------------------------


async def test_the_end_of_a_lease_removes_its_records(store: EtcdStore) -> None:
    lease = await store.grant(10)
    batch = put("m/a")
    await commit(store, type(batch)("op", (Write("m/a", b"here", 0, lease),)))
    assert await store.keep(lease) == 10
    tail = store.tail(1)
    await store.revoke(lease)
    (gone,) = await take(tail, 1)
    assert gone.entries == (Removed("m/a"),)  # type: ignore[union-attr]
    assert await store.keep(lease) == 0
    assert await values(store) == {}


# --- Histories --------------------------------------------------------------------------------------------------------


async def test_a_watch_that_was_away_while_etcd_was_compacted_loads_again(own: Cluster) -> None:
    (member,) = own.members
    location = parse(f"etcd://{member.target}")
    client = Client(location)
    before = await found(client, location.prefix, Random())
    other = await opened(own)
    for n in range(5):
        await commit(other, put(f"k{n}"))
    member.ctl("compaction", str(other.layout.theirs(5)))
    late = EtcdStore(client, before)
    async with asyncio.timeout(20):
        assert [event async for event in late.tail(0)] == [Compacted()]
    assert len(await values(late)) == 5
    assert await commit(late, put("after")) == 6
    for each in (late, other):
        await each.close()


@pytest.mark.fault
async def test_an_etcd_that_is_put_back_begins_another_history(own: Cluster, tmp_path: Path) -> None:
    (member,) = own.members
    store = await opened(own)
    await commit(store, put("kept"))
    own.stop()
    shutil.copytree(member.folder / member.name, tmp_path / "saved")
    member.start().wait()
    for n in range(5):
        await insist(store, f"lost-{n}")
    epoch, tail = store.layout.epoch.name, store.tail((await store.load()).revision)
    own.stop()
    shutil.rmtree(member.folder / member.name)
    shutil.copytree(tmp_path / "saved", member.folder / member.name)
    member.start().wait()
    async with asyncio.timeout(20):
        events = [event async for event in tail]
    assert isinstance(events[-1], EpochChanged)
    assert events[-1].epoch != epoch
    assert set(await values(store)) == {"kept"}
    await insist(store, "after")
    await store.close()


@pytest.mark.fault
async def test_an_etcd_that_is_put_back_and_written_at_once_begins_another_history(
    own: Cluster, tmp_path: Path
) -> None:
    """It is as far again as it was before anybody looks: only the revision of an answer tells."""
    (member,) = own.members
    store = await opened(own)
    await commit(store, put("kept"))
    own.stop()
    shutil.copytree(member.folder / member.name, tmp_path / "saved")
    member.start().wait()
    await insist(store, "lost")
    tail = store.tail((await store.load()).revision)
    own.stop()
    shutil.rmtree(member.folder / member.name)
    shutil.copytree(tmp_path / "saved", member.folder / member.name)
    member.start().wait()
    for n in range(5):
        await insist(store, f"after-{n}")
    async with asyncio.timeout(20):
        assert isinstance([event async for event in tail][-1], EpochChanged)
    assert set(await values(store)) == {"kept", *(f"after-{n}" for n in range(5))}
    await store.close()


@pytest.mark.fault
async def test_an_etcd_that_was_emptied_begins_another_history_above_the_old(own: Cluster) -> None:
    store = await opened(own)
    for key in "abc":
        await commit(store, put(key))
    tail = store.tail(3)
    own.members[0].ctl("del", "--prefix", "muster/")
    async with asyncio.timeout(20):
        assert isinstance([event async for event in tail][-1], EpochChanged)
    assert await values(store) == {}
    assert await commit(store, put("d")) > 3
    await store.close()


# --- The head ---------------------------------------------------------------------------------------------------------


async def test_the_head_is_the_last_transaction_of_whoever_shares_the_prefix(own: Cluster) -> None:
    one, other = await opened(own, "head"), await opened(own, "head")
    assert await other.head() <= (await other.load()).revision
    for key in ("a", "b"):
        revision = await commit(one, put(key))
        assert await other.head() == revision
    own.members[0].ctl("put", "somebody/else", "x")
    assert await other.head() == revision
    await one.close()
    await other.close()


# --- Compaction -------------------------------------------------------------------------------------------------------

MANY = 50
"""Revisions, for an etcd of a test."""


async def warned(etcd: Etcd, warnings: list[str]) -> None:
    """Open a store, and return once it has looked back."""
    location = parse(f"etcd://{etcd.target}/compacted")
    store = await EtcdStore.open(location, warn=warnings.append, uncompacted=MANY)
    began = store.contact
    async with asyncio.timeout(20):
        while store.contact - began < limits.ETCD_PULSE_S / 2:  # noqa: ASYNC110 - its next look comes by itself
            await asyncio.sleep(0.02)
    await store.close()


async def test_an_etcd_that_nobody_compacts_is_told_of(own: Cluster) -> None:
    (member,) = own.members
    store = await opened(own, "compacted")
    for n in range(MANY // 2):
        await commit(store, put(f"k{n}"))
    few: list[str] = []
    await warned(member, few)
    for n in range(MANY):
        await commit(store, put(f"more-{n}"))
    uncompacted: list[str] = []
    await warned(member, uncompacted)
    member.ctl("compaction", str(store.layout.theirs((await store.load()).revision)))
    compacted: list[str] = []
    await warned(member, compacted)
    await store.close()
    assert (few, uncompacted, compacted) == ([], [UNCOMPACTED], [])
    assert "--auto-compaction-retention" in UNCOMPACTED


# --- Etcd away --------------------------------------------------------------------------------------------------------


@pytest.mark.fault
async def test_a_killed_etcd_leaves_writes_in_doubt_or_refused_and_comes_back(own: Cluster) -> None:
    store = await opened(own)
    await commit(store, put("before"))
    own.stop()
    while isinstance(outcome := await refused(store), Unknown):
        pass
    assert "is it running" in str(outcome)
    own.members[0].start().wait()
    await insist(store, "after")
    assert {"before", "after"} <= set(await values(store))
    await store.close()


@pytest.mark.fault
async def test_the_loss_of_each_member_in_turn_loses_no_acknowledged_write(three: Cluster) -> None:
    store = await opened(three)
    tail = store.tail(0)
    for n, member in enumerate(three.members):
        await insist(store, f"{n}-up")
        member.pause() if n == 1 else member.kill()
        await insist(store, f"{n}-down")
        member.resume() if n == 1 else member.start().wait()
    expected = {f"{n}-{state}" for n in range(3) for state in ("up", "down")}
    assert expected == set(await values(store))
    async with asyncio.timeout(20):
        heard = [await anext(tail) for _ in range(len(expected))]
    assert [event.revision for event in heard] == sorted({event.revision for event in heard})  # type: ignore[union-attr]
    await store.close()


async def test_an_etcd_that_is_not_there() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached: is it running"):
        await EtcdStore.open(parse("etcd://127.0.0.1:1/x"))


# --- Users ------------------------------------------------------------------------------------------------------------


async def test_a_user_with_a_password(own: Cluster, tmp_path: Path) -> None:
    (member,) = own.members
    for words in ("user add root:secret", "user grant-role root root", "auth enable"):
        member.ctl(*words.split())
    with pytest.raises(StoreUnavailable, match="asks for a user"):
        await opened(own)
    password = tmp_path / "password"
    location = parse(f"etcd://root@{member.target}")
    with pytest.raises(StoreUnavailable, match=r"etcd\.password_file cannot be read"):
        await EtcdStore.open(location, Credentials(password_file=password))
    password.write_text("wrong\n")
    with pytest.raises(StoreUnavailable, match=r"etcd\.password_file"):
        await EtcdStore.open(location, Credentials(password_file=password))
    password.write_text("secret\n")
    store = await EtcdStore.open(location, Credentials(password_file=password))
    assert await commit(store, put("a")) == 1
    await store.close()
