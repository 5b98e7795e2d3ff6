"""A replica that was not told something finds out, looks at the store, and tells its readers."""

import asyncio

from tests.registry.replicas.pair import Pair, pair

from muster.core.commands import Deregister
from muster.core.state import Change, ServiceKey
from muster.model import limits
from muster.registry.registry import Registry
from muster.registry.replicas.agreement import Difference
from muster.registry.replicas.repairs import Repair
from muster.registry.store import Put, Removed
from muster.testing.builders import instance, register
from muster.testing.simulation.loop import in_virtual_time

WEB = ServiceKey("default", "web")
KEY = "default/web-1"
SOON_S = 3 * limits.COMPARE_EVERY_S


class Forgetting:
    """Loses what comes for `KEY` while it is on."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, entry: Put | Removed) -> bool:
        return self.on and entry.key == f"i/{KEY}"


def held(registry: Registry) -> tuple[int, ...]:
    return tuple(entry.revision for entry in registry.snapshot(WEB).entries)


def findings(registry: Registry) -> list[Difference | Repair]:
    assert registry.replicas
    return registry.replicas.agreement.take_findings()


def both(pair: Pair) -> tuple[Registry, Registry]:
    return pair.registries["a"], pair.registries["b"]


@in_virtual_time
async def test_replicas_that_hold_the_same_have_nothing_to_say() -> None:
    async with pair() as two:
        a, b = both(two)
        await a.command(register(instance("web-1", static=True)))
        await asyncio.sleep(SOON_S)
        assert a.replicas
        assert b.replicas
        assert (a.replicas.agreement.compared > 0, findings(a), findings(b)) == (True, [], [])


@in_virtual_time
async def test_what_a_replica_was_not_told_is_put_right_and_its_readers_learn_it() -> None:
    forgetting = Forgetting()
    async with pair(forgetting) as two:
        a, b = both(two)
        await a.command(register(instance("web-1", static=True)))
        forgetting.on = True
        changed = await a.command(register(instance("web-1", static=True, port=9), "second"))
        forgetting.on = False
        assert held(a) != held(b)
        told: list[Change] = []
        before = b.snapshot(WEB).revision
        b.on_change(lambda change, wall: told.append(change))
        await asyncio.sleep(SOON_S)
        assert held(a) == held(b) == (changed.revision,)
        (change,) = told
        assert change.revision == b.snapshot(WEB).revision > before
        assert b.feed.since(WEB, before) == told
        *_, repair = findings(b)
        assert repair == Repair(KEY, before, changed.revision)


@in_virtual_time
async def test_a_registration_and_a_removal_that_were_missed() -> None:
    forgetting = Forgetting()
    async with pair(forgetting) as two:
        a, b = both(two)
        forgetting.on = True
        await a.command(register(instance("web-1", static=True)))
        await a.command(register(instance("web-2", static=True)))
        assert len(held(b)) == 1
        await asyncio.sleep(SOON_S)
        assert len(held(b)) == 2
        await a.command(Deregister(KEY, 0, b""))
        assert len(held(b)) == 2
        await asyncio.sleep(SOON_S + limits.REPAIR_EVERY_S)
        assert held(a) == held(b)
        assert len(held(b)) == 1


@in_virtual_time
async def test_both_sides_of_a_difference_are_named_at_both_ends() -> None:
    forgetting = Forgetting()
    async with pair(forgetting) as two:
        a, b = both(two)
        forgetting.on = True
        await a.command(register(instance("web-1", static=True)))
        await a.command(register(instance("web-2", static=True)))
        await asyncio.sleep(SOON_S)
        at_a, at_b = (next(f for f in findings(each) if isinstance(f, Difference)) for each in (a, b))
        assert (at_a.peer, at_a.here.instances, at_a.there.instances) == ("b", 2, 1)
        assert (at_b.peer, at_b.here, at_b.there) == ("a", at_a.there, at_a.here)


@in_virtual_time
async def test_who_was_right_puts_nothing_right() -> None:
    forgetting = Forgetting()
    async with pair(forgetting) as two:
        a, b = both(two)
        forgetting.on = True
        await a.command(register(instance("web-1", static=True)))
        await asyncio.sleep(SOON_S)
        assert a.replicas
        assert b.replicas
        assert (a.replicas.repairs.count, b.replicas.repairs.count) == (0, 1)


# --- Traffic policies -------------------------------------------------------------------------------------------------

POLICY = "p/default/web"


@in_virtual_time
async def test_a_policy_that_a_replica_was_not_told_of_is_put_right_and_its_readers_learn_it() -> None:
    forgets = {POLICY}
    async with pair(lambda entry: entry.key in forgets) as two:
        a, b = both(two)
        put = await a.policies.put(WEB, b"{}", None)
        await asyncio.sleep(1.0)
        assert b.policies.get(WEB) is None
        touched: list[ServiceKey] = []
        b.on_touched(touched.extend)
        await asyncio.sleep(SOON_S)
        assert (b.policies.get(WEB), touched) == (put, [WEB])
        found, *_, repair = findings(b)
        assert repair == Repair(POLICY, 0, put.revision)
        assert isinstance(found, Difference)
        assert (found.here.service, found.here.instances, found.there.instances) == ("(policies)", 0, 1)


@in_virtual_time
async def test_a_policy_that_was_changed_or_removed_unheard() -> None:
    forgets: set[str] = set()
    async with pair(lambda entry: entry.key in forgets) as two:
        a, b = both(two)
        await a.policies.put(WEB, b'{"a":1}', None)
        await asyncio.sleep(1.0)
        forgets.add(POLICY)
        changed = await a.policies.put(WEB, b'{"a":2}', None)
        await asyncio.sleep(SOON_S)
        assert b.policies.get(WEB) == changed
        await a.policies.remove(WEB, None)
        assert b.policies.get(WEB) == changed
        await asyncio.sleep(SOON_S + limits.REPAIR_EVERY_S)
        assert (a.policies.get(WEB), b.policies.get(WEB)) == (None, None)
        assert (latest := b.policies.latest(WEB)) is not None
        assert latest.revision > changed.revision


@in_virtual_time
async def test_policies_that_change_all_the_time_do_not_differ_for_that() -> None:
    async with pair() as two:
        a, b = both(two)
        for turn in range(200):
            await (a, b)[turn % 2].policies.put(WEB, b"%d" % turn, None)
            await asyncio.sleep(0.07)
        assert a.policies.get(WEB) == b.policies.get(WEB)
        assert (findings(a), findings(b)) == ([], [])
