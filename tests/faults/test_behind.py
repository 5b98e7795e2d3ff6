"""A real replica that is behind: what another one registered it does not call unknown, nor superseded."""

import asyncio
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.faults.fourth import Fourth, fourth, until
from tests.faults.replicas import Trio

pytestmark = pytest.mark.fault

TOLD = {
    "service": "web",
    "instance_id": "web-1",
    "host": "127.0.0.1",
    "port": 9,
    "ttl": 3600,
    "checks": [{"kind": "ttl", "ttl": "60s"}],
}
ASKED: list[tuple[str, str, Any]] = [
    ("PUT", "/heartbeat/web-1", None),
    ("PATCH", "/instances/web-1", {"weight": 7}),
    ("POST", "/instances/web-1/check", {"result": "pass"}),
    ("POST", "/instances/web-1/suspect", {}),
    ("GET", "/instances/web-1/session", None),
    ("GET", "/watch?session=web-1", None),
    ("POST", "/instances/web-1/drain?wait=0s", None),
    ("DELETE", "/instances/web-1", None),
]


async def codes(replica: Fourth) -> list[str]:
    answers = [await replica.call(*asked) for asked in ASKED]
    return [told["code"] if told else str(status) for status, told in answers]


async def test_it_says_that_another_one_is_to_be_asked(tmp_path: Path) -> None:
    with Trio(tmp_path) as trio:
        async with fourth(trio) as behind:
            assert await codes(behind) == ["unknown_instance"] * len(ASKED)
            behind.store.hears.clear()
            registered = await asyncio.to_thread(trio.replicas[0].call, "POST", "/register", TOLD)
            assert registered[0] == 201
            assert await codes(behind) == ["try_another"] * len(ASKED)
            behind.store.hears.set()

            async def hears() -> bool:
                return (await behind.call("PUT", "/heartbeat/web-1"))[0] == 204

            await until(trio, hears)
            gone = await behind.call("DELETE", "/instances/web-1")
            assert gone[0] == 204


POLICY = {"balancer": {"name": "random"}}


async def test_it_does_not_deny_a_traffic_policy(tmp_path: Path) -> None:
    with Trio(tmp_path) as trio:
        async with fourth(trio) as behind:
            path = "/policies/web"
            assert (await behind.call("DELETE", path))[1]["code"] == "unknown_policy"
            behind.store.hears.clear()
            wrote = await asyncio.to_thread(trio.replicas[0].call, "PUT", path, POLICY)
            assert wrote[0] == 200
            assert (await behind.call("DELETE", path))[1]["code"] == "try_another"
            behind.store.hears.set()

            async def gone() -> bool:
                return (await behind.call("DELETE", path))[0] == 204

            await until(trio, gone)
            assert (await behind.call("DELETE", path))[1]["code"] == "unknown_policy"


ASKED_OTHERWISE = [
    ("PUT", "/eureka/apps/WEB/web-1"),
    ("PUT", "/eureka/apps/WEB/web-1/status?value=UP"),
    ("PUT", "/v1/agent/service/maintenance/web-1?enable=false"),
    ("PUT", "/v1/agent/check/pass/service:web-1:ttl"),
    ("PUT", "/v1/agent/service/deregister/web-1"),
]
"""In Eureka's and Consul's words."""


async def statuses(replica: Fourth) -> list[int]:
    return [await asyncio.to_thread(status, replica.port, *asked) for asked in ASKED_OTHERWISE]


def status(port: int, method: str, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()


async def test_it_says_so_to_clients_of_eureka_and_consul(tmp_path: Path) -> None:
    with Trio(tmp_path) as trio:
        async with fourth(trio) as behind:
            assert await statuses(behind) == [404] * len(ASKED_OTHERWISE)
            behind.store.hears.clear()
            named = TOLD | {"checks": [{"kind": "ttl", "ttl": "60s", "name": "ttl"}]}
            registered = await asyncio.to_thread(trio.replicas[0].call, "POST", "/register", named)
            assert registered[0] == 201
            assert await statuses(behind) == [503, 503, 500, 500, 500]
            behind.store.hears.set()

            async def hears() -> bool:
                return (await behind.call("PUT", "/heartbeat/web-1"))[0] == 204

            await until(trio, hears)
            assert await statuses(behind) == [200] * len(ASKED_OTHERWISE)
