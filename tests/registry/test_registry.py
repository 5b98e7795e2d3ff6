"""The registry as a whole, in virtual time: restarts, other histories, pauses, probes, sessions."""

import asyncio
from random import Random

import pytest
from tests.registry.shop import KeptStore, opened

from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.check import Answer
from muster.model.errors import Rejected
from muster.registry.clock import Clock
from muster.registry.owner import owner_digest
from muster.registry.seen import Seen
from muster.registry.store import Stored
from muster.storage.memory import MemoryStore
from muster.testing.builders import http_check, instance, register, ttl_check
from muster.testing.simulation.loop import in_virtual_time
from muster.testing.stores import Fate, Fates, Fault, script

WEB = ServiceKey("default", "web")
KEY = "default/web-1"


@in_virtual_time
async def test_a_restart_knows_what_was_registered() -> None:
    store = KeptStore(rng=Random(1))
    async with opened(store=store) as shop:
        await shop.tell(register())
        before = shop.registry.entry(KEY)
    async with opened(store=store) as again:
        assert (again.registry.entry(KEY), again.registry.settled) == (before, False)


@in_virtual_time
async def test_a_crash_between_commit_and_answer_loses_nothing() -> None:
    store = KeptStore(rng=Random(1))
    first = asyncio.get_running_loop().create_task(register_once(store, script(Fate(Fault.CRASH))))
    await asyncio.sleep(1.0)
    async with opened(store=store) as shop:
        assert (first.done(), shop.status()) == (False, "healthy")
    first.cancel()


async def register_once(store: MemoryStore, fates: Fates) -> None:
    async with opened(fates, store) as shop:
        await shop.tell(register())


@in_virtual_time
async def test_another_history_is_told_to_whoever_asked_to_know() -> None:
    told: list[str] = []
    async with opened() as shop:
        await shop.tell(register())
        shop.registry.on_reset(told.append)
        epoch = shop.registry.epoch
        shop.store.restore([])
        await asyncio.sleep(0.1)
        assert (told, shop.status(), shop.registry.epoch == epoch) == (
            ["another history of the store began"],
            None,
            False,
        )
        assert (await shop.tell(register()), shop.status()) == ("done", "healthy")


@in_virtual_time
async def test_a_tail_that_was_compacted_is_no_other_history() -> None:
    told: list[str] = []
    store = MemoryStore(rng=Random(1), history_bytes=1)
    async with opened(store=store) as shop:
        shop.registry.on_reset(told.append)
        await asyncio.gather(*(shop.tell(register(instance(str(n)))) for n in range(250)))
        assert (told, len(shop.registry.machine.state)) == ([], 250)


@in_virtual_time
async def test_it_is_settled_after_its_longest_lease() -> None:
    async with opened() as shop:
        await shop.tell(register(instance(ttl=60)))
        await asyncio.sleep(59)
        before = shop.registry.settled
        await asyncio.sleep(2)
        assert (before, shop.registry.settled) == (False, True)


@in_virtual_time
async def test_a_lost_session_of_a_dead_one_is_known_within_milliseconds() -> None:
    async with opened() as shop:
        decided = await shop.registry.command(register())
        generation = decided.revision
        shop.registry.session_opened(KEY, generation)
        await asyncio.sleep(1)
        shop.prober.says("10.0.0.1", 80, Answer.REFUSED)
        shop.registry.session_closed(KEY, generation, lost=True)
        await asyncio.sleep(0.005)
        assert shop.status() == "unhealthy"


@in_virtual_time
async def test_a_report_leads_to_a_probe_at_once() -> None:
    async with opened() as shop:
        await shop.tell(register())
        await asyncio.sleep(1)
        shop.prober.says("10.0.0.1", 80, Answer.REFUSED)
        shop.registry.report(KEY, 0, "10.9.9.9")
        await asyncio.sleep(0.005)
        assert shop.status() == "unhealthy"


@in_virtual_time
async def test_a_check_that_fails_withdraws_and_one_that_passes_brings_back() -> None:
    async with opened() as shop:
        await shop.tell(register(instance(static=True, checks=[http_check(interval=1.0, fall=2, rise=2)])))
        await asyncio.sleep(0.5)
        seen = [shop.status()]
        for answer in (Answer.FAILED, Answer.ANSWERED):
            shop.prober.says("10.0.0.1", 80, answer)
            await asyncio.sleep(3)
            seen.append(shop.status())
        assert seen == ["healthy", "unhealthy", "healthy"]


@in_virtual_time
async def test_a_pushed_result_is_durable_when_it_is_answered() -> None:
    async with opened() as shop:
        await shop.tell(register(instance(checks=[ttl_check()])))
        told = await shop.registry.push(KEY, 0, b"", "", "fail", "out of disk")
        assert (told, shop.status()) == ("failing", "unhealthy")


@in_virtual_time
async def test_there_is_no_hold_to_end() -> None:
    async with opened() as shop:
        with pytest.raises(Rejected, match="nothing is held there"):
            shop.registry.release_guard("a")


@in_virtual_time
async def test_a_bug_ends_the_registry_loudly() -> None:
    async def run() -> None:
        async with opened() as shop:
            await shop.tell(register())
            shop.registry.machine.leases = None  # type: ignore[assignment]
            await asyncio.sleep(60)

    with pytest.raises(ExceptionGroup):
        await run()


# --- The clock ------------------------------------------------------------------------------------------------------


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_does_not_count() -> None:
    time = Time()
    clock = Clock(time, time)
    read = []
    for step in (0.5, 60.0, 0.5, limits.CLOCK_JUMP_S):
        time.now += step
        read.append(clock.now())
    assert (read, clock.pause(), clock.pause()) == ([100.5, 100.5, 101.0, 102.0], 60.0, 0.0)


def test_the_wall_clock_is_only_shown() -> None:
    wall = Time()
    clock = Clock(lambda: 1.0, wall)
    before = clock.now()
    wall.now += 3600
    assert (clock.now() - before, clock.wall(), clock.pause()) == (0.0, 3_700_000, 0.0)


# --- What the tail has applied --------------------------------------------------------------------------------------


@in_virtual_time
async def test_the_writer_waits_for_its_own_revision() -> None:
    seen = Seen()
    asyncio.get_running_loop().call_later(1.0, seen.applied, 4, "a")
    asyncio.get_running_loop().call_later(2.0, seen.applied, 5, "b")
    began = asyncio.get_running_loop().time()
    await seen.until(5)
    assert round(asyncio.get_running_loop().time() - began) == 2
    assert [seen.saw("a"), seen.saw("b"), seen.saw("c")] == [4, 5, None]


@in_virtual_time
async def test_a_load_ends_every_wait_and_knows_the_operations_it_holds() -> None:
    seen = Seen()
    asyncio.get_running_loop().call_later(1.0, seen.loaded, 3, [Stored("k", b"", 2, "mine")])
    async with asyncio.timeout(2.0):
        await seen.until(99)
    assert seen.saw("mine") == 2


def test_operations_are_forgotten_in_their_order() -> None:
    seen = Seen()
    for n in range(limits.OPERATIONS_REMEMBERED + 1):
        seen.applied(n, str(n))
    assert [seen.saw("0"), seen.saw("1")] == [None, 1]


def test_a_secret_is_kept_as_a_digest() -> None:
    assert [len(owner_digest("s" * 20)), owner_digest(""), owner_digest("a") == owner_digest("b")] == [
        16,
        b"",
        False,
    ]
