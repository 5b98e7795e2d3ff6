"""The writer: batches, conflicts, lost answers, an absent store, and who comes first."""

import asyncio

import pytest
from tests.registry.shop import Shop, Switch, opened

from muster.core.commands import Deregister, Drain, Expire
from muster.core.renewal import Renewal
from muster.model import limits
from muster.model.errors import Unavailable
from muster.model.record import encode
from muster.registry.layout import INSTANCES
from muster.registry.store import Batch, Write
from muster.storage.memory import MemoryStore
from muster.testing.builders import instance, record, register
from muster.testing.simulation.loop import in_virtual_time
from muster.testing.stores import Fate, Fault, script

KEY = "default/web-1"
LOST_ANSWER = Fate(Fault.LOST_ANSWER)
LOST_BATCH = Fate(Fault.LOST_BATCH)
REFUSED = Fate(Fault.REFUSED)


async def together(shop: Shop, *ids: str) -> list[str]:
    return await asyncio.gather(*(shop.tell(register(instance(id))) for id in ids))


# --- Batches --------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_commands_that_arrive_together_share_a_transaction() -> None:
    async with opened() as shop:
        assert await together(shop, "a", "b", "c") == ["done"] * 3
        assert [len(batch) for batch in shop.batches] == [3]


@in_virtual_time
async def test_a_transaction_is_bounded() -> None:
    async with opened() as shop:
        await together(shop, *map(str, range(limits.BATCH_WRITES + 5)))
        assert [len(batch) for batch in shop.batches] == [limits.BATCH_WRITES, 5]


@in_virtual_time
async def test_a_transaction_is_bounded_in_bytes_too() -> None:
    async with opened() as shop:
        big = {f"k{n}": "v" * 500 for n in range(30)}
        told = [shop.tell(register(instance(str(n), metadata=big))) for n in range(90)]
        await asyncio.gather(*told)
        assert all(len(batch) * 15_000 < 1.1 * limits.BATCH_BYTES for batch in shop.batches)
        assert len(shop.batches) == 2


@in_virtual_time
async def test_commands_for_one_key_are_decided_one_after_the_other() -> None:
    async with opened() as shop:
        commands = [register(), Drain(KEY, 0, b"", 1), Deregister(KEY, 0, b""), register(), register()]
        told = await asyncio.gather(*map(shop.tell, commands))
        assert (told, len(shop.batches)) == (["done", "done", "done", "done", "no-op"], 4)


@in_virtual_time
async def test_what_is_answered_can_be_read() -> None:
    async with opened() as shop:
        decided = await shop.registry.command(register())
        assert shop.registry.entry(KEY) == decided.entry
        assert shop.registry.revision == decided.revision == 1


@in_virtual_time
async def test_a_no_op_writes_nothing() -> None:
    async with opened() as shop:
        await shop.tell(register())
        assert (await shop.tell(register()), len(shop.batches)) == ("no-op", 1)


@in_virtual_time
async def test_a_refusal_among_others_concerns_nobody_else() -> None:
    async with opened() as shop:
        told = await asyncio.gather(shop.tell(register()), shop.tell(Drain("default/nobody", 0, b"", 1)))
        assert told == ["done", "unknown_instance"]


@in_virtual_time
async def test_whoever_asked_and_went_away_has_asked_for_nothing() -> None:
    async with opened() as shop:
        asked = asyncio.get_running_loop().create_task(shop.registry.command(register()))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.sleep(0.1)
        assert shop.batches == []


@in_virtual_time
async def test_a_queue_that_is_full_says_so() -> None:
    async with opened(script(Fate(before=5.0))) as shop:
        asked = [
            shop.registry.writer.ask(register(instance(str(n)))) for n in range(limits.COMMANDS_WAITING + 101)
        ]
        with pytest.raises(Unavailable, match="waiting for the store"):
            await asked[-1]
        await asyncio.gather(*asked, return_exceptions=True)


# --- Conflicts ------------------------------------------------------------------------------------------------------


async def somebody_else_writes(store: MemoryStore, id: str, expected: int = 0) -> None:
    value = encode(record(instance(id, version="theirs"), "theirs", generation=0))
    await store.commit(Batch("theirs", (Write(f"{INSTANCES}default/{id}", value, expected),)))


@in_virtual_time
async def test_after_a_conflict_each_is_decided_again() -> None:
    async with opened(script(Fate(before=1.0))) as shop:
        telling = asyncio.gather(shop.tell(register()), shop.tell(register(instance("other"))))
        await asyncio.sleep(0.5)
        await somebody_else_writes(shop.store, "web-1")
        assert await telling == ["done", "done"]
        entry = shop.registry.entry(KEY)
        assert entry is not None
        assert (entry.record.incarnation, entry.record.superseded) == ("first", ("theirs",))


# --- Lost answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fates", [[LOST_ANSWER], [LOST_BATCH], [LOST_ANSWER, REFUSED], [LOST_BATCH, LOST_BATCH, LOST_ANSWER]]
)
@in_virtual_time
async def test_a_lost_answer_is_settled(fates: list[Fate]) -> None:
    async with opened(script(*fates)) as shop:
        assert (await shop.tell(register()), shop.status()) == ("done", "healthy")


@in_virtual_time
async def test_a_lost_answer_to_a_removal_is_settled() -> None:
    async with opened(script(Fate(), LOST_ANSWER)) as shop:
        await shop.tell(register())
        assert (await shop.tell(Deregister(KEY, 0, b"")), shop.status()) == ("done", None)


@in_virtual_time
async def test_nobody_waits_for_an_answer_that_does_not_come() -> None:
    lost = [LOST_BATCH] * (len(limits.LOST_ANSWER_WAITS_S) + 3)
    async with opened(script(*lost)) as shop:
        first, second = await asyncio.gather(shop.tell(register()), shop.tell(Drain(KEY, 0, b"", 1)))
        assert [first, second, await shop.tell(register())] == ["store_unavailable"] * 3
        await asyncio.sleep(10)
        assert (shop.status(), await shop.tell(register())) == ("healthy", "no-op")


@in_virtual_time
async def test_nobody_waits_longer_than_a_caller_does_for_a_slow_store_that_does_not_say() -> None:
    silent = Fate(Fault.LOST_BATCH, before=limits.ETCD_CALL_S)
    async with opened(script(*[silent] * 8)) as shop:
        async with asyncio.timeout(limits.CLIENT_REQUEST_S):
            assert await shop.tell(register()) == "store_unavailable"
            assert shop.registry.trouble.startswith("what became of a write is not known yet")
        await asyncio.sleep(30)
        assert (shop.status(), shop.registry.trouble) == ("healthy", "")


@in_virtual_time
async def test_no_heartbeat_overtakes_an_expiry_whose_fate_is_unknown() -> None:
    fates = [Fate(), Fate(), *[LOST_BATCH] * (len(limits.LOST_ANSWER_WAITS_S) + 5)]
    async with opened(script(*fates)) as shop:
        await shop.tell(register(instance(ttl=3)))
        await asyncio.sleep(7)
        during = shop.registry.renew(KEY, 0, b"")
        with pytest.raises(Unavailable):
            await shop.registry.revive(KEY, 0, b"")
        await asyncio.sleep(20)
        assert (during, shop.status()) == (Renewal.SLOW, "expired")


# --- An absent store ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_an_absent_store_is_told_at_once_and_leaves_no_trace() -> None:
    async with opened(script(REFUSED)) as shop:
        before = shop.registry.revision
        told = await shop.tell(register())
        assert (told, shop.status(), shop.registry.revision) == ("store_unavailable", None, before)
        assert await shop.tell(register()) == "done"


@in_virtual_time
async def test_heartbeats_go_on_without_a_store_and_nothing_expires() -> None:
    store = Switch()
    async with opened(store) as shop:
        await shop.tell(register(instance(ttl=3)))
        store.on = False
        await asyncio.sleep(10)
        seen = [shop.status(), shop.registry.renew(KEY, 0, b"")]
        store.on = True
        await asyncio.sleep(2.9)
        seen.append(shop.status())
        await asyncio.sleep(2)
        assert [*seen, shop.status()] == ["healthy", Renewal.RENEWED, "healthy", "expired"]


# --- Who comes first ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_registration_goes_before_an_expiry_that_waits() -> None:
    async with opened(script(Fate(), Fate(), Fate(before=2.0))) as shop:
        await shop.tell(register(instance(ttl=3)))
        await asyncio.sleep(2.5)
        slow = asyncio.get_running_loop().create_task(shop.tell(register(instance("other"))))
        await asyncio.sleep(1.0)
        again = asyncio.get_running_loop().create_task(shop.tell(register(instance(ttl=3))))
        assert await asyncio.gather(slow, again) == ["done", "done"]
        assert shop.status() == "healthy"
        assert all(entry.status != "expired" for entry in shop.registry.machine.state.entries())


@in_virtual_time
async def test_a_heartbeat_during_the_commit_of_an_expiry_revives_it() -> None:
    async with opened(script(Fate(), Fate(), Fate(before=1.0))) as shop:
        await shop.tell(register(instance(ttl=3)))
        await asyncio.sleep(3.5)
        told = shop.registry.renew(KEY, 0, b"")
        await shop.registry.revive(KEY, 0, b"")
        revived = shop.status()
        await asyncio.sleep(2.9)
        assert (told, revived, shop.status()) == (Renewal.SLOW, "healthy", "healthy")


@in_virtual_time
async def test_a_heartbeat_during_an_expiry_that_fails_counts() -> None:
    async with opened(script(Fate(), Fate(), Fate(Fault.REFUSED, before=1.0))) as shop:
        await shop.tell(register(instance(ttl=3)))
        await asyncio.sleep(3.5)
        told = shop.registry.renew(KEY, 0, b"")
        await shop.registry.revive(KEY, 0, b"")
        await asyncio.sleep(2.9)
        assert (told, shop.status()) == (Renewal.SLOW, "healthy")


@in_virtual_time
async def test_closing_finishes_what_was_accepted() -> None:
    async with opened() as shop:
        telling = asyncio.get_running_loop().create_task(shop.tell(register()))
        await asyncio.sleep(0)
    assert await telling == "done"
    assert await shop.tell(register(instance("late"))) == "store_unavailable"


@in_virtual_time
async def test_an_expiry_of_nobody_is_nothing() -> None:
    async with opened() as shop:
        shop.registry.writer.own(Expire("default/nobody", 1, 1))
        await asyncio.sleep(0.1)
        assert shop.batches == []
