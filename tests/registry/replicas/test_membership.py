"""Being one of the replicas: who is back before its former life has ended rests, and at first is deaf."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.registry.replicas.pair import JOINED_S, Pair, pair

from muster.core.leases import Renewal
from muster.model import limits
from muster.model.errors import Unavailable
from muster.registry.registry import Registry
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import in_virtual_time

KEY = "default/web-1"
STARTED_S = 0.2


@asynccontextmanager
async def lives(two: Pair, name: str, life: int) -> AsyncIterator[Registry]:
    """A life of this replica, which ends by a crash."""
    async with two.living(name, f"{name}/{life}") as registry:
        await asyncio.sleep(STARTED_S)
        yield registry


async def crash(two: Pair, name: str) -> None:
    """The first life of a replica is over, and the store still counts it in."""
    async with lives(two, name, 1):
        await asyncio.sleep(JOINED_S)


def others(registry: Registry) -> dict[str, tuple[bool, bool]]:
    assert registry.replicas
    return {member.name: (member.resting, member.deaf) for member in registry.replicas.membership.others}


@in_virtual_time
async def test_who_starts_again_fast_is_deaf_then_rests_and_then_is_as_the_others() -> None:
    async with pair(names="a") as two:
        await two.registries["a"].command(register(instance("web-1"), "first"))
        await crash(two, "b")
        async with lives(two, "b", 2) as b:
            assert others(two.registries["a"]) == {"b": (True, True)}
            with pytest.raises(Unavailable, match="crashed, and has just started again"):
                b.renew(KEY, 0, b"")
            await asyncio.sleep(limits.REPLICA_DEAF_S + 2 * limits.REPLICA_JOIN_AGAIN_S)
            assert others(two.registries["a"]) == {"b": (True, False)}
            assert b.renew(KEY, 0, b"") is Renewal.RENEWED
            await asyncio.sleep(limits.REPLICA_REST_S)
            assert others(two.registries["a"]) == {"b": (False, False)}


@in_virtual_time
async def test_nothing_is_acknowledged_before_the_store_knows_that_it_hears() -> None:
    async with pair(names="a") as two:
        await two.registries["a"].command(register(instance("web-1"), "first"))
        await crash(two, "b")
        async with lives(two, "b", 2) as b:
            until = asyncio.get_running_loop().time() + 2 * limits.REPLICA_DEAF_S
            while asyncio.get_running_loop().time() < until:
                try:
                    b.renew(KEY, 0, b"")
                except Unavailable:
                    await asyncio.sleep(0.01)
                else:
                    break
            stored = await two.stores["a"].read("m/b")
            assert stored is not None
            assert b'"deaf":false' in stored.value


@in_virtual_time
async def test_where_nobody_else_hears_nobody_is_deaf() -> None:
    async with pair(names="") as two:
        await asyncio.gather(crash(two, "a"), crash(two, "b"))
        async with lives(two, "a", 2) as a, lives(two, "b", 2) as b:
            assert others(b) == {"a": (True, True)}
            assert others(a) == {"b": (True, False)}


@in_virtual_time
async def test_where_all_crash_at_once_somebody_hears_soon() -> None:
    async with pair(names="") as two:
        await asyncio.gather(crash(two, "a"), crash(two, "b"))
        async with AsyncExitStack() as stack:
            lived = (stack.enter_async_context(two.living(name, f"{name}/2")) for name in "ab")
            await asyncio.gather(*lived)
            await asyncio.sleep(2 * limits.REPLICA_JOIN_AGAIN_S)
            heard = [deaf for each in two.registries.values() for _, deaf in others(each).values()]
            assert False in heard


@in_virtual_time
async def test_nobody_waits_for_one_that_is_hardly_ever_there() -> None:
    """Each life ends before it could answer: an instance that died lapses all the same."""
    async with pair(names="a") as two:
        a = two.registries["a"]
        two.cut.add("b")
        await a.command(register(instance("web-1"), "first"))
        for life in range(60):
            async with lives(two, "b", life):
                await asyncio.sleep(limits.REPLICA_DEAF_S / 2)
        entry = a.entry(KEY)
        assert entry
        assert entry.status == "expired"
