"""Whatever is cancelled, dropped or broken: a span ends once, and nothing stays under way."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import types
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

import aiohttp
import httpx  # noqa: TID251 - one of those that call
import httpx2
import pytest
from opentelemetry import trace
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import Instance
from tests.integrations.calling.test_transports import policy
from tests.integrations.calling.traced import Traced, parents, under_way

import muster.integrations.httpx as for_httpx
import muster.integrations.httpx2 as for_httpx2
from muster.integrations.aiohttp import Middleware
from muster.integrations.opentelemetry import Spans
from muster.policy.outcome import Outcome

URL = "http://web.svc/stock"

Library = tuple[Any, Any]
LIBRARIES = pytest.mark.parametrize(
    "library", [(httpx, for_httpx), (httpx2, for_httpx2)], ids=["httpx", "httpx2"]
)


class Held:
    """An instance that has been asked, and answers when it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.set()
        self.go.wait(20)
        return 200, {}, b"late"


async def cancelled(call: Coroutine[Any, Any, Any], begun: Awaitable[object]) -> None:
    """`call` is cancelled when it has `begun`."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call)
        await begun
        task.cancel()
    assert task.cancelled()


@LIBRARIES
async def test_a_call_that_is_cancelled_is_given_up_and_no_error(
    web: Web, find: Found, traced: Traced, library: Library
) -> None:
    held = Held()
    web(1, say=held)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    async with library[0].AsyncClient(transport=library[1].AsyncTransport(discovery)) as client:
        await cancelled(client.get(URL), asyncio.to_thread(held.asked.wait, 20))
    held.go.set()
    assert traced.told("muster.outcome", "error.type") == [("cancelled", None)]
    assert under_way(discovery) == (0, 0)


async def test_so_is_one_of_aiohttps(web: Web, find: Found, traced: Traced) -> None:
    held = Held()
    web(1, say=held)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    async with aiohttp.ClientSession(middlewares=[Middleware(discovery)]) as session:

        async def get() -> None:
            async with session.get(URL):
                pass

        await cancelled(get(), asyncio.to_thread(held.asked.wait, 20))
    held.go.set()
    assert traced.told("muster.outcome", "error.type") == [("cancelled", None)]
    assert under_way(discovery) == (0, 0)


def half(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """An answer that never ends: the connection stays open."""
    return 200, {"Content-Length": "1000"}, b"half"


@LIBRARIES
async def test_a_body_whose_reader_is_cancelled_is_no_success(
    web: Web, find: Found, traced: Traced, library: Library
) -> None:
    web(1, say=half)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    begun = asyncio.Event()

    async def read(client: Any) -> None:
        async with client.stream("GET", URL) as answer:
            async for _ in answer.aiter_raw():
                begun.set()

    async with library[0].AsyncClient(transport=library[1].AsyncTransport(discovery)) as client:
        await cancelled(read(client), begun.wait())
    assert traced.told("muster.outcome", "http.response.status_code") == [("cancelled", 200)]
    assert under_way(discovery) == (0, 0)


class Stuck(httpx.AsyncByteStream):
    """A body whose connection cannot be closed, either."""

    async def __aiter__(self) -> Any:
        yield b"part"

    async def aclose(self) -> None:
        raise OSError("it broke while it was being closed")


class Broken(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stuck(), request=request)


async def test_an_answer_that_cannot_be_closed_is_over_as_well(web: Web, find: Found, traced: Traced) -> None:
    web(1)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    async with httpx.AsyncClient(transport=for_httpx.AsyncTransport(discovery, Broken())) as client:
        with pytest.raises(OSError, match="being closed"):
            await client.get(URL)
    assert len(traced.spans) == 1
    assert under_way(discovery) == (0, 0)


@LIBRARIES
def test_whoever_reads_and_raises_ends_the_span_once(
    web: Web, find: Found, traced: Traced, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    web(1)
    discovery = find(policy(), tracing=Spans(traced.tracer))

    def read(client: Any) -> None:
        with client.stream("GET", URL) as answer:
            for _ in answer.iter_bytes(1):
                raise ZeroDivisionError

    with (
        library[0].Client(transport=library[1].Transport(discovery)) as client,
        pytest.raises(ZeroDivisionError),
    ):
        read(client)
    assert traced.told("muster.outcome") == [("success",)]
    assert under_way(discovery) == (0, 0)
    assert "ended span" not in caplog.text


@LIBRARIES
def test_a_body_to_send_that_raises_is_the_callers_own(
    web: Web, find: Found, traced: Traced, library: Library
) -> None:
    def body() -> Iterator[bytes]:
        yield b"some"
        raise ZeroDivisionError

    web(1)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    with (
        library[0].Client(transport=library[1].Transport(discovery)) as client,
        pytest.raises(ZeroDivisionError),
    ):
        client.post(URL, content=body())
    assert traced.told("muster.outcome", "error.type") == [("cancelled", None)]
    assert under_way(discovery) == (0, 0)


async def test_many_at_once_have_their_own(web: Web, find: Found, traced: Traced) -> None:
    instances = web(3)
    discovery = find(policy(), tracing=Spans(traced.tracer))

    async def call(client: httpx.AsyncClient, name: str) -> tuple[int, str]:
        with traced.tracer.start_as_current_span(name) as span:
            answer = await client.get(URL)
            assert trace.get_current_span() is span
            return span.get_span_context().span_id, answer.text

    async with httpx.AsyncClient(transport=for_httpx.AsyncTransport(discovery)) as client:
        callers = await asyncio.gather(*(call(client, f"caller {n}") for n in range(50)))
    assert {span.parent.span_id for span in traced.spans if span.parent} == {caller for caller, _ in callers}
    assert parents(instances) == {f"{span.context.span_id:016x}" for span in traced.spans}


class Waiting(httpx.AsyncBaseTransport):
    """Whoever sends by this waits, and nobody will wake him."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await forever()
        raise AssertionError


@types.coroutine
def forever() -> Iterator[None]:
    yield


def test_a_coroutine_that_is_dropped_ends_in_whatever_context(
    web: Web, find: Found, traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that is closed leaves what was under way on it to the collector."""
    web(1)
    discovery = find(policy(), tracing=Spans(traced.tracer))
    transport = for_httpx.AsyncTransport(discovery, Waiting())
    sending = transport.handle_async_request(httpx.Request("GET", URL))
    contextvars.copy_context().run(sending.send, None)
    sending.close()
    assert caplog.text == ""
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert traced.told("muster.outcome") == [("cancelled",)]
    assert under_way(discovery) == (0, 0)


def test_an_attempt_ends_in_another_thread(web: Web, find: Found, traced: Traced) -> None:
    web(1)
    discovery = find(tracing=Spans(traced.tracer))
    attempt = discovery.pick("web").attempt()
    ending = [threading.Thread(target=attempt.finish, args=(Outcome.RESET,)) for _ in range(8)]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()
    assert traced.told("muster.outcome", "error.type") == [("reset", "reset")]
    assert under_way(discovery) == (0, 0)
