"""Eureka's clients at a replica that is behind: what another replica knows it does not call unknown."""

import asyncio

import pytest
from tests.eureka.conftest import body
from tests.registry.replicas.pair import Pair, deaf, pair
from tests.registry.replicas.speaking import Speaking

from muster.eureka.routes import surface
from muster.model import limits
from muster.testing.simulation.loop import in_virtual_time

AT = "/eureka/apps/WEB/host-1:web:8080"
ASKS = {
    "renew": ("PUT", AT),
    "cancel": ("DELETE", AT),
    "override": ("PUT", f"{AT}/status?value=OUT_OF_SERVICE"),
    "end the override": ("DELETE", f"{AT}/status"),
    "metadata": ("PUT", f"{AT}/metadata?colour=red"),
}
every_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
NEWS = 1_700_000_000_500


def both(two: Pair) -> tuple[Speaking, Speaking]:
    a, b = (Speaking(surface(registry, dots=False)) for registry in two.registries.values())
    return a, b


async def register(at: Speaking, **fields: object) -> None:
    assert await at.ask("POST", "/eureka/apps/WEB", body("web", **fields)) == (204, "")


@every_ask
@in_virtual_time
async def test_what_was_registered_elsewhere_is_not_unknown(ask: tuple[str, str]) -> None:
    async with pair() as two:
        a, b = both(two)
        deaf(two)
        await register(a)
        assert (await b.ask(*ask))[0] == 503


@every_ask
@in_virtual_time
async def test_who_is_only_a_little_behind_catches_up_and_does_it(ask: tuple[str, str]) -> None:
    async with pair() as two:
        a, b = both(two)
        deaf(two, limits.CATCH_UP_S / 2)
        await register(a)
        assert (await b.ask(*ask))[0] == 200


@every_ask
@in_virtual_time
async def test_what_was_registered_again_elsewhere_is_changed_as_it_is_now(ask: tuple[str, str]) -> None:
    async with pair() as two:
        a, b = both(two)
        await register(a)
        await asyncio.sleep(1.0)
        deaf(two, limits.CATCH_UP_S / 2)
        await register(a, lastDirtyTimestamp=str(NEWS))
        assert (await b.ask(*ask))[0] == 200


@every_ask
@in_virtual_time
async def test_what_the_store_does_not_know_is_unknown(ask: tuple[str, str]) -> None:
    async with pair() as two:
        _, b = both(two)
        assert await b.ask(*ask) == (404, "")


@in_virtual_time
async def test_news_that_another_replica_has_heard_is_no_reason_to_register_again() -> None:
    async with pair() as two:
        a, b = both(two)
        await register(a)
        await asyncio.sleep(1.0)
        deaf(two, limits.CATCH_UP_S / 2)
        await register(a, lastDirtyTimestamp=str(NEWS))
        assert (await b.ask("PUT", f"{AT}?lastDirtyTimestamp={NEWS}"))[0] == 200
        assert (await b.ask("PUT", f"{AT}?lastDirtyTimestamp={NEWS + 1}"))[0] == 404
