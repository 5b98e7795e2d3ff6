"""The lifespan, under a uvicorn in this very process: what begins when, and what the application's own one notices."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from tests.cli.wrapper.programs import free_port

from muster.client import RegisterBody
from muster.integrations.starlette import lifespan
from muster.model.errors import Rejected
from muster.testing import FakeRegistry


@contextlib.asynccontextmanager
async def served(app: Starlette, port: int) -> AsyncIterator[uvicorn.Server]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server._serve())
        try:
            yield server
        finally:
            server.should_exit = True
            await serving


async def until(registry: FakeRegistry, holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(registry.wait, holds)


def body(port: int) -> RegisterBody:
    return RegisterBody(service="web", instance_id="web-1", host="127.0.0.1", port=port)


async def test_registered_while_it_serves(registry: FakeRegistry) -> None:
    port = free_port()
    async with served(Starlette(lifespan=lifespan(body(port), urls=registry.url)), port):
        await until(registry, lambda: registry.sessions == {"web-1"})
        view = registry.holdings.get("web-1")
        assert view is not None
        assert view.port == port
    assert registry.holdings.get("web-1") is None


async def test_the_applications_own_lifespan_is_around_it(registry: FakeRegistry) -> None:
    told: list[str] = []

    @contextlib.asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[dict[str, str]]:
        told.append(f"started with {len(registry.requests)} requests")
        yield {"database": "open"}
        told.append(f"ended with {registry.holdings!r}")

    spans = lifespan(body(free_port()), around=own, urls=registry.url)
    async with spans(Starlette()) as state:
        assert state == {"database": "open"}
    assert told[0] == "started with 0 requests"
    assert len(told) == 2


async def test_what_fails_to_start_is_never_registered(registry: FakeRegistry, port: int) -> None:
    @contextlib.asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    with pytest.raises(OSError, match="no database"):
        async with lifespan(body(port), around=own, urls=registry.url)(Starlette()):
            pass
    assert not registry.requests


async def test_a_wrong_registration_stops_the_start(registry: FakeRegistry) -> None:
    with pytest.raises(Rejected, match="port"):
        async with lifespan(RegisterBody(service="web"), urls=registry.url)(Starlette()):
            pass


@pytest.mark.parametrize("told", [{"MUSTER_REGISTER": "0"}, {"MUSTER_URL": "static:web=127.0.0.1:80"}])
async def test_told_not_to_it_does_not(registry: FakeRegistry, port: int, told: dict[str, str]) -> None:
    environ = {"MUSTER_URL": registry.url} | told
    async with lifespan(body(port), environ=environ)(Starlette()) as state:
        assert state is None
    assert not registry.requests
