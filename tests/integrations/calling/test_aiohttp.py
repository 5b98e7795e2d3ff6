"""aiohttp, over real sockets."""

import aiohttp
import pytest
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import Instance, closed_port
from tests.integrations.calling.test_transports import policy

from muster.client import Discovery, NoEndpoint
from muster.integrations.aiohttp import Middleware
from muster.testing import FakeRegistry

URL = "http://web.svc/stock"


def session(discovery: Discovery) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(middlewares=[Middleware(discovery)])


async def test_a_service_is_called_by_its_name(web: Web, find: Found) -> None:
    (one,) = web(1)
    async with session(find()) as client, client.get(URL, params={"n": "1"}) as answer:
        assert (answer.status, await answer.text()) == (200, f"{one.port} GET /stock?n=1")
    assert one.asked == [("GET", "/stock?n=1", "web.svc", b"")]


async def test_others_are_left_alone(web: Web, find: Found) -> None:
    (one,) = web(1)
    async with session(find()) as client, client.get(f"http://127.0.0.1:{one.port}/") as answer:
        assert answer.status == 200


async def test_a_dead_instance_costs_no_call(registry: FakeRegistry, web: Web, find: Found) -> None:
    registry.add("web", port=closed_port(), id="dead")
    web(2)
    discovery = find(policy())
    async with session(discovery) as client:
        for _ in range(20):
            async with client.post(URL, data=b"order") as answer:
                assert answer.status == 200
    registry.wait(lambda: any(seen.path.endswith("dead/suspect") for seen in registry.requests))
    assert "dead" not in {discovery.pick("web").id for _ in range(50)}


async def test_another_instance_is_tried_and_only_if_that_is_safe(web: Web, find: Found) -> None:
    instances = web(3, say=busy)
    async with session(find(policy())) as client:
        async with client.get(URL) as answer:
            assert answer.status == 503
        assert [len(instance.asked) for instance in instances] == [1, 1, 1]
        async with client.post(URL, data=b"order") as answer:
            assert answer.status == 503
    assert sum(len(instance.asked) for instance in instances) == 4


def busy(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    return 503, {}, b"busy"


async def test_a_connection_that_breaks_is_tried_elsewhere(web: Web, find: Found) -> None:
    broken, _ = web(2)
    broken.say = lambda instance, method, path: (0, {}, b"")
    async with session(find(policy())) as client:
        for _ in range(20):
            async with client.get(URL) as answer:
                assert answer.status == 200


async def test_nobody_to_call_is_a_connection_error_that_says_why(find: Found) -> None:
    async with session(find()) as client:
        with pytest.raises(aiohttp.ClientConnectionError, match="no instance of this name") as caught:
            await client.get(URL)
    assert isinstance(caught.value.__cause__, NoEndpoint)


async def test_nothing_is_under_way_afterwards(web: Web, find: Found) -> None:
    web(2)
    discovery = find(policy())
    async with session(discovery) as client:
        for _ in range(3):
            async with client.get(URL) as answer:
                await answer.read()
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    assert (traffic.memory.active, traffic.memory.retries) == (0, 0)
