"""Policies and the store: whose write counts, and what becomes of lost answers."""

import asyncio

import pytest
from tests.registry.shop import opened

from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Rejected, Unavailable
from muster.registry.store import Batch, Write
from muster.storage.memory import MemoryStore
from muster.testing.builders import register
from muster.testing.simulation.loop import in_virtual_time
from muster.testing.stores import Fate, Fault, script

WEB = ServiceKey("default", "web")
KEY = "p/default/web"
LOST_ANSWER, LOST_BATCH, REFUSED = (
    Fate(fault) for fault in (Fault.LOST_ANSWER, Fault.LOST_BATCH, Fault.REFUSED)
)


@in_virtual_time
async def test_what_is_answered_can_be_read() -> None:
    async with opened() as shop:
        held = await shop.registry.policies.put(WEB, b"{}", None)
        assert shop.registry.policies.get(WEB) == held
        assert (held.document, held.revision) == (b"{}", shop.registry.revision)


@in_virtual_time
async def test_a_policy_is_no_instance() -> None:
    async with opened() as shop:
        await shop.registry.policies.put(WEB, b"{}", None)
        assert not shop.registry.snapshot(WEB).exists
        await shop.tell(register())
        assert len(shop.registry.machine.state) == 1


@in_virtual_time
@pytest.mark.parametrize("fates", [(LOST_ANSWER,), (LOST_BATCH,), (LOST_BATCH, LOST_ANSWER)])
async def test_a_lost_answer_is_settled(fates: tuple[Fate, ...]) -> None:
    async with opened(script(*fates)) as shop:
        held = await shop.registry.policies.put(WEB, b"{}", 0)
        assert (held.document, held.revision) == (b"{}", 1)


@in_virtual_time
async def test_nobody_waits_longer_than_a_caller_does_for_a_slow_store_that_does_not_say() -> None:
    silent = Fate(Fault.LOST_BATCH, before=limits.ETCD_CALL_S)
    async with opened(script(*[silent] * 8)) as shop, asyncio.timeout(limits.CLIENT_REQUEST_S):
        with pytest.raises(Unavailable, match="not known yet"):
            await shop.registry.policies.put(WEB, b"{}", 0)


@in_virtual_time
async def test_a_store_that_cannot_write_has_written_nothing() -> None:
    async with opened(script(REFUSED)) as shop:
        with pytest.raises(Unavailable):
            await shop.registry.policies.put(WEB, b"{}", None)
        assert shop.registry.policies.get(WEB) is None


@in_virtual_time
async def test_two_who_saw_the_same_do_not_both_write() -> None:
    async with opened() as shop:
        puts = (shop.registry.policies.put(WEB, document, 0) for document in (b'{"a":1}', b'{"a":2}'))
        first, second = await asyncio.gather(*puts, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert isinstance(second, Rejected)
        assert (second.code, shop.registry.policies.get(WEB)) == ("changed_meanwhile", first)


@in_virtual_time
async def test_another_writer_of_the_store_is_heard_of() -> None:
    store = MemoryStore()
    async with opened(store=store) as shop:
        await store.commit(Batch("theirs", (Write(KEY, b'{"theirs":1}', 0),)))
        await asyncio.sleep(0.1)
        held = shop.registry.policies.get(WEB)
        assert held is not None
        assert held.document == b'{"theirs":1}'
        await shop.registry.policies.remove(WEB, held.revision)
        assert shop.registry.policies.get(WEB) is None


@in_virtual_time
async def test_readers_are_told_of_it_as_of_any_change() -> None:
    async with opened() as shop:
        told: list[ServiceKey] = []

        class Reader:
            def service_changed(self, service: ServiceKey) -> None:
                told.append(service)

        shop.registry.hub.add(WEB, Reader())
        await shop.registry.policies.put(WEB, b"{}", None)
        await asyncio.sleep(0.5)
        assert told == [WEB]
