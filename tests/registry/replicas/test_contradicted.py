"""A command that contradicts what a replica holds: what it was not told of is put right there and then, not with the next comparison."""

import asyncio

from tests.registry.replicas.pair import Pair, pair

from muster.core.commands import Amend, Deregister
from muster.registry.registry import Registry
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import in_virtual_time

KEY = "default/web-1"
FIRST, SECOND = (register(instance("web-1", static=True), incarnation) for incarnation in ("first", "second"))
AT_ONCE_S = 1.0
"""Less than the time between two comparisons, of which there is none in these tests."""


class Untold:
    """What comes for `KEY` at `b` is lost while it is on."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, entry: object) -> bool:
        return self.on and getattr(entry, "key", "") == f"i/{KEY}"


async def settled(two: Pair) -> Registry:
    """Both have been told what there is to tell. It is `b`."""
    await asyncio.sleep(0.2)
    return two.registries["b"]


def right(two: Pair) -> bool:
    a, b = two.registries.values()
    assert b.replicas
    assert b.replicas.agreement.differences == 0
    return a.entry(KEY) == b.entry(KEY)


@in_virtual_time
async def test_a_registration_of_what_was_registered_unheard() -> None:
    untold = Untold()
    async with pair(untold) as two:
        untold.on = True
        await two.registries["a"].command(FIRST)
        b = await settled(two)
        untold.on = False
        async with asyncio.timeout(AT_ONCE_S):
            told = await b.command(SECOND)
        await settled(two)
        assert (told.changed, len(told.entry.record.superseded)) == (True, 1)  # type: ignore[union-attr]
        assert right(two)


@in_virtual_time
async def test_a_change_of_what_was_changed_unheard() -> None:
    untold = Untold()
    async with pair(untold) as two:
        a = two.registries["a"]
        await a.command(FIRST)
        await settled(two)
        untold.on = True
        await a.command(Amend(KEY, 0, b"", 0, weight=7))
        b = await settled(two)
        untold.on = False
        async with asyncio.timeout(AT_ONCE_S):
            await b.command(Amend(KEY, 0, b"", 0, metadata={"colour": "red"}))
        await settled(two)
        assert right(two)
        (held,) = b.entries()
        assert (held.record.instance.weight, held.record.instance.metadata) == (7, {"colour": "red"})


@in_virtual_time
async def test_a_removal_of_what_was_registered_unheard() -> None:
    untold = Untold()
    async with pair(untold) as two:
        untold.on = True
        await two.registries["a"].command(FIRST)
        b = await settled(two)
        untold.on = False
        async with asyncio.timeout(AT_ONCE_S):
            await b.command(Deregister(KEY, 0, b""))
        await settled(two)
        assert two.registries["a"].entry(KEY) is None


@in_virtual_time
async def test_a_registration_of_what_was_removed_unheard() -> None:
    untold = Untold()
    async with pair(untold) as two:
        a = two.registries["a"]
        await a.command(FIRST)
        await settled(two)
        untold.on = True
        await a.command(Deregister(KEY, 0, b""))
        b = await settled(two)
        untold.on = False
        assert b.entry(KEY) is not None
        async with asyncio.timeout(AT_ONCE_S):
            assert (await b.command(FIRST)).changed
        await settled(two)
        assert right(two)


@in_virtual_time
async def test_what_is_only_late_is_waited_for_and_not_put_right() -> None:
    async with pair() as two:
        hears = two.stores["b"].hears
        hears.clear()
        asyncio.get_running_loop().call_later(0.5, hears.set)
        await two.registries["a"].command(FIRST)
        told = await two.registries["b"].command(SECOND)
        b = await settled(two)
        assert b.replicas
        assert (told.changed, b.replicas.repairs.count, right(two)) == (True, 0, True)
