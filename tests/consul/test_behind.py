"""Consul's clients at a replica that is behind: what another replica knows it does not call unknown, nor writes over it."""

import asyncio

import pytest
from tests.consul.conftest import SETTINGS
from tests.registry.replicas.pair import Pair, deaf, pair
from tests.registry.replicas.speaking import Speaking

from muster.model import limits
from muster.server.consul import consul
from muster.testing.simulation.loop import in_virtual_time
from muster.web.access import Gate
from muster.web.listener import Listener

SERVICE = {"Name": "web", "ID": "web-1", "Port": 80, "Check": {"CheckID": "alive", "TTL": "30s"}}
CHECK = {"Name": "other", "ServiceID": "web-1", "TTL": "30s"}
NODE = {"Node": "far", "Address": "10.0.3.7", "NodeMeta": {"rack": "7"}}
ASKS = {
    "deregister": ("service/deregister/web-1", None),
    "maintenance": ("service/maintenance/web-1?enable=true", None),
    "a check": ("check/register", CHECK),
    "no check": ("check/deregister/alive", None),
    "a result": ("check/pass/alive", None),
    "an update": ("check/update/alive", {"Status": "passing", "Output": "fine"}),
}
every_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)


def both(two: Pair) -> tuple[Speaking, Speaking]:
    listener = Listener(Gate([], lambda: None))
    a, b = (Speaking(consul(registry, listener, SETTINGS)) for registry in two.registries.values())
    return a, b


async def put(at: Speaking, path: str, body: object = None) -> int:
    return (await at.ask("PUT", f"/v1/{path}", body))[0]


@every_ask
@in_virtual_time
async def test_what_was_registered_elsewhere_is_not_unknown(ask: tuple[str, object]) -> None:
    async with pair() as two:
        a, b = both(two)
        deaf(two)
        assert await put(a, "agent/service/register", SERVICE) == 200
        assert await b.ask("PUT", f"/v1/agent/{ask[0]}", ask[1]) == (
            500,
            "No cluster leader: this replica has not seen its last change yet",
        )


@every_ask
@in_virtual_time
async def test_who_is_only_a_little_behind_catches_up_and_does_it(ask: tuple[str, object]) -> None:
    async with pair() as two:
        a, b = both(two)
        deaf(two, limits.CATCH_UP_S / 2)
        assert await put(a, "agent/service/register", SERVICE) == 200
        assert await put(b, f"agent/{ask[0]}", ask[1]) == 200


@every_ask
@in_virtual_time
async def test_what_nobody_registered_is_unknown(ask: tuple[str, object]) -> None:
    async with pair() as two:
        _, b = both(two)
        assert await put(b, f"agent/{ask[0]}", ask[1]) == 404


@in_virtual_time
async def test_a_check_that_has_a_ttl_now_takes_a_result() -> None:
    async with pair() as two:
        a, b = both(two)
        tcp = {"CheckID": "alive", "TCP": "127.0.0.1:80", "Interval": "10s"}
        assert await put(a, "agent/service/register", SERVICE | {"Check": tcp}) == 200
        await asyncio.sleep(1.0)
        deaf(two, limits.CATCH_UP_S / 2)
        assert await put(a, "agent/service/register", SERVICE) == 200
        assert await put(b, "agent/check/pass/alive") == 200


@in_virtual_time
async def test_what_was_said_of_a_node_elsewhere_stays() -> None:
    async with pair() as two:
        a, b = both(two)
        registry = deaf(two, limits.CATCH_UP_S / 2)
        home = NODE | {"Node": "home"}
        assert await put(a, "catalog/register", home) == 200
        assert await put(b, "agent/maintenance?enable=true&reason=why") == 200
        (node,) = (entry.record for entry in registry.entries())
        assert (node.instance.metadata, node.facts.override_reason) == ({"rack": "7"}, "why")


@in_virtual_time
async def test_a_node_that_was_registered_elsewhere_leaves_with_its_services() -> None:
    async with pair() as two:
        a, b = both(two)
        registry = deaf(two, limits.CATCH_UP_S / 2)
        service = {"Service": "web", "ID": "web-1", "Port": 80}
        assert await put(a, "catalog/register", NODE | {"Service": service}) == 200
        assert await put(b, "catalog/deregister", {"Node": "far"}) == 200
        assert list(registry.entries()) == []


@in_virtual_time
async def test_a_check_of_a_service_that_was_registered_elsewhere() -> None:
    async with pair() as two:
        a, b = both(two)
        deaf(two, limits.CATCH_UP_S / 2)
        service = {"Service": "web", "ID": "web-1", "Port": 80}
        check = {"CheckID": "c", "Name": "c", "Status": "passing", "ServiceID": "web-1"}
        assert await put(a, "catalog/register", NODE | {"Service": service}) == 200
        assert await put(b, "catalog/register", NODE | {"SkipNodeUpdate": True, "Check": check}) == 200
