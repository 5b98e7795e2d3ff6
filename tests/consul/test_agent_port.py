"""`muster agent`: hosts behind one address are told apart, and nothing else changes on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.cli.wrapper.programs import free_port
from tests.consul.asking import health, index, register
from tests.httpapi.asking import Caller, Wire, head

from muster.client.address import Registry
from muster.consul.agent import Agent
from muster.testing.server import LocalRegistry

Start = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def agent(registry: LocalRegistry) -> Start:
    """`with agent("n1") as port`: an agent on a thread of its own."""

    @contextmanager
    def start(node: str, address: str = "", *more: Registry) -> Iterator[int]:
        ours = Registry("http", registry.host, registry.port)
        ports: list[int] = []
        up, loop = threading.Event(), asyncio.new_event_loop()
        stop = asyncio.Event()

        async def serve() -> None:
            running = Agent(node, address, [*more, ours], None)
            server = await running.listen("127.0.0.1", 0)
            ports.append(server.sockets[0].getsockname()[1])
            up.set()
            await stop.wait()
            server.close()
            await running.close()

        thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
        thread.start()
        assert up.wait(10)
        yield ports[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()

    return start


def test_hosts_behind_one_address_are_different_nodes(agent: Start, caller: Caller, name: str) -> None:
    with agent("h1", "10.7.0.1") as one, agent("h2") as two:
        for port in (one, two):
            with Caller("127.0.0.1", port) as local:
                register(local, name, "same")
                assert list(local.ask("GET", "/v1/agent/services").json) == ["same"]
    found = [(each["Node"]["Node"], each["Node"]["Address"]) for each in health(caller, name).json]
    assert found == [("h1", "10.7.0.1"), ("h2", "127.0.0.1")]


def test_a_client_cannot_say_that_it_is_on_another_node(agent: Start, name: str) -> None:
    with agent("h3") as port, Caller("127.0.0.1", port) as local:
        body = {"Name": name, "Port": 80}
        assert local.ask("PUT", "/v1/agent/service/register", body, muster_node="elsewhere").status == 200
        assert health(local, name).json[0]["Node"]["Node"] == "h3"


def test_blocking_queries_and_chunked_bodies_pass(agent: Start, caller: Caller, name: str) -> None:
    with agent("h4") as port, Caller("127.0.0.1", port) as local, Wire("127.0.0.1", port) as wire:
        held = index(health(local, name))
        wire.send(head("GET", f"/v1/health/service/{name}?index={held}&wait=60s"))
        with Wire("127.0.0.1", port) as other:
            body = b'{"Name": "%s"}' % name.encode()
            other.send(head("PUT", "/v1/agent/service/register", "Transfer-Encoding: chunked"))
            other.send(b"%x\r\n%s\r\n" % (len(body), body), b"0\r\n\r\n")
            assert other.answer("PUT").status == 200
        assert wire.answer().json[0]["Service"]["ID"] == name


def test_a_registry_that_is_away_is_passed_over(agent: Start, name: str) -> None:
    with (
        agent("h5", "", Registry("http", "127.0.0.1", free_port())) as port,
        Caller("127.0.0.1", port) as local,
    ):
        assert health(local, name).json == []


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length : 3",),
        ("Content-Length: x",),
        ("X" * 20_000,),
    ],
)
def test_what_two_readers_could_read_as_two_requests_ends_the_connection(
    agent: Start, lines: tuple[str, ...]
) -> None:
    with agent("h6") as port, Wire("127.0.0.1", port) as wire:
        wire.send(head("PUT", "/v1/agent/service/register", *lines))
        assert b"200 OK" not in wire.rest()
