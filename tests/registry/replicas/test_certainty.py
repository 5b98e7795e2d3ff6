"""A replica that is behind refuses nothing, and calls nothing done, that the store knows otherwise."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.registry.replicas.pair import STORE, deaf, pair

from muster.core.commands import Amend, Deregister, Drain, PutCheck
from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.registry import Registry
from muster.testing.builders import instance, register, ttl_check
from muster.testing.simulation.loop import in_virtual_time

KEY = "default/web-1"
FIRST = register(instance("web-1", checks=(ttl_check(),)), "first")
SECOND = register(instance("web-1", checks=(ttl_check(),)), "second")

Asks = Callable[[Registry, int], Awaitable[object]]
ASKS: dict[str, Asks] = {
    "deregister": lambda at, generation: at.command(Deregister(KEY, generation, b"")),
    "drain": lambda at, generation: at.command(Drain(KEY, generation, b"", 0)),
    "amend": lambda at, generation: at.command(Amend(KEY, generation, b"", 0, weight=7)),
    "a check": lambda at, generation: at.command(PutCheck(KEY, generation, b"", 0, ttl_check("other"))),
    "a result": lambda at, generation: at.push(KEY, generation, b"", "", "pass", ""),
    "a heartbeat": lambda at, generation: at.revive(KEY, generation, b""),
}
every_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)


def generation(registry: Registry) -> int:
    entry = registry.entry(KEY)
    assert entry
    return entry.record.generation


async def code(asked: Awaitable[object]) -> str:
    try:
        await asked
    except (Rejected, Unavailable) as error:
        return error.code
    return "done"


@every_ask
@in_virtual_time
async def test_what_was_registered_elsewhere_is_not_unknown(ask: Asks) -> None:
    async with pair() as two:
        b = deaf(two)
        await two.registries["a"].command(FIRST)
        assert await code(ask(b, generation(two.registries["a"]))) == "try_another"


@every_ask
@in_virtual_time
async def test_what_was_registered_again_elsewhere_is_not_superseded(ask: Asks) -> None:
    async with pair() as two:
        await two.registries["a"].command(FIRST)
        await asyncio.sleep(1.0)
        b = deaf(two)
        await two.registries["a"].command(SECOND)
        assert await code(ask(b, generation(two.registries["a"]))) == "try_another"


@every_ask
@in_virtual_time
async def test_who_is_only_a_little_behind_catches_up_and_does_it(ask: Asks) -> None:
    async with pair() as two:
        b = deaf(two, limits.CATCH_UP_S / 2)
        await two.registries["a"].command(FIRST)
        assert await code(ask(b, generation(two.registries["a"]))) == "done"


@every_ask
@in_virtual_time
async def test_what_the_store_does_not_know_is_unknown_and_what_is_old_is_superseded(ask: Asks) -> None:
    async with pair() as two:
        a, b = two.registries.values()
        assert await code(ask(b, 0)) == "unknown_instance"
        await a.command(FIRST)
        old = generation(a)
        await a.command(SECOND)
        assert await code(ask(b, old)) == "superseded"


@every_ask
@in_virtual_time
async def test_without_the_store_nobody_is_refused(ask: Asks) -> None:
    async with pair() as two:
        two.network.link("b", STORE).sever()
        assert await code(ask(two.registries["b"], 0)) == "try_another"


WEB = ServiceKey("default", "web")
OLD, NEW = b'{"a":1}', b'{"a":2}'
STEERS: dict[str, Asks] = {
    "write": lambda at, revision: at.put_policy(WEB, NEW, revision),
    "remove": lambda at, revision: at.remove_policy(WEB, revision),
}
every_steer = pytest.mark.parametrize("steer", STEERS.values(), ids=STEERS)


@every_steer
@pytest.mark.parametrize(("late", "said"), [(limits.CATCH_UP_S / 2, "done"), (3600.0, "try_another")])
@in_virtual_time
async def test_a_policy_that_was_written_elsewhere_is_not_unknown_nor_another_one(
    steer: Asks, late: float, said: str
) -> None:
    async with pair() as two:
        b = deaf(two, late)
        held = await two.registries["a"].put_policy(WEB, OLD, None)
        assert await code(steer(b, held.revision)) == said


@in_virtual_time
async def test_a_policy_that_was_removed_elsewhere_is_not_there_already() -> None:
    async with pair() as two:
        a = two.registries["a"]
        await a.put_policy(WEB, NEW, None)
        await asyncio.sleep(1.0)
        b = deaf(two, limits.CATCH_UP_S / 2)
        await a.remove_policy(WEB, None)
        held = await b.put_policy(WEB, NEW, None)
        assert a.policies.get(WEB) == held


@in_virtual_time
async def test_whoever_writes_whatever_is_there_is_not_refused_for_being_late() -> None:
    async with pair() as two:
        b = deaf(two, limits.CATCH_UP_S / 2)
        await two.registries["a"].put_policy(WEB, OLD, None)
        assert (await b.put_policy(WEB, NEW, None)).document == NEW


@every_steer
@in_virtual_time
async def test_what_is_so_of_a_policy_is_refused(steer: Asks) -> None:
    async with pair() as two:
        a, b = two.registries.values()
        held = await a.put_policy(WEB, OLD, None)
        assert await code(steer(b, held.revision - 1)) == "changed_meanwhile"
        assert await code(b.remove_policy(ServiceKey("default", "other"), None)) == "unknown_policy"


@every_steer
@in_virtual_time
async def test_a_policy_of_which_it_was_never_told_is_put_right_first(steer: Asks) -> None:
    forgets = {"p/default/web"}
    async with pair(lambda entry: entry.key in forgets) as two:
        held = await two.registries["a"].put_policy(WEB, OLD, None)
        await asyncio.sleep(1.0)
        forgets.clear()
        async with asyncio.timeout(limits.COMPARE_EVERY_S / 2):
            assert await code(steer(two.registries["b"], held.revision)) == "done"


@in_virtual_time
async def test_what_was_removed_elsewhere_is_not_registered_already() -> None:
    async with pair() as two:
        a = two.registries["a"]
        await a.command(FIRST)
        await asyncio.sleep(1.0)
        b = deaf(two, limits.CATCH_UP_S / 2)
        await a.command(Deregister(KEY, 0, b""))
        told = await b.command(FIRST)
        assert (told.changed, a.entry(KEY)) == (True, told.entry)


@in_virtual_time
async def test_an_id_registered_at_two_replicas_at_once_is_one_instance() -> None:
    async with pair() as two:
        a, b = two.registries.values()
        told = await asyncio.gather(a.command(FIRST), b.command(SECOND))
        await asyncio.sleep(1.0)
        last = max(told, key=lambda each: each.revision)
        assert all(each.changed for each in told)
        assert a.entry(KEY).record == b.entry(KEY).record == last.entry.record  # type: ignore[union-attr]
        assert len(last.entry.record.superseded) == 1  # type: ignore[union-attr]


@in_virtual_time
async def test_a_registration_sent_to_two_replicas_at_once_is_made_once() -> None:
    async with pair() as two:
        a, b = two.registries.values()
        told = await asyncio.gather(a.command(FIRST), b.command(FIRST))
        assert sorted(each.changed for each in told) == [False, True]
        assert len({each.entry.record.generation for each in told if each.entry}) == 1


@in_virtual_time
async def test_what_the_store_did_not_tell_of_is_not_answered_with_what_was_there_before() -> None:
    forgets: set[str] = set()
    async with pair(lambda entry: entry.key in forgets) as two:
        await two.registries["a"].command(FIRST)
        await asyncio.sleep(1.0)
        forgets.add(f"i/{KEY}")
        assert await code(two.registries["b"].command(SECOND)) == "try_another"
