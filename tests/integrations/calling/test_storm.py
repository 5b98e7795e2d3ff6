"""Everything at once: instances that fail in every way, callers that give up at any moment, by all libraries. Afterwards nothing is
under way, and every span that began has ended, once."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp
import httpx  # noqa: TID251 - those that call
import httpx2
import requests  # noqa: TID251
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from tests.integrations.calling.conftest import Found, Web
from tests.integrations.calling.instances import Instance, Say, closed_port
from tests.integrations.calling.test_transports import QUICK

import muster.integrations.httpx as for_httpx
import muster.integrations.httpx2 as for_httpx2
from muster.client import Discovery
from muster.integrations.aiohttp import Middleware
from muster.integrations.opentelemetry import Spans
from muster.integrations.requests import Adapter
from muster.model.policy import Policy
from muster.model.resilience import Retries, Timeouts
from muster.testing import FakeRegistry

URL = "http://web.svc/"
CALLS = 250
AT_ONCE = 50
PATIENCE_S = (0.001, 0.01, 0.05, 0.2, 2.0)
GIVEN_UP = (
    *(httpx.HTTPError, httpx2.HTTPError, aiohttp.ClientError, requests.RequestException),
    *(TimeoutError, asyncio.CancelledError, ZeroDivisionError),
)


class Counting(SpanProcessor):
    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.begun[id_of(span)] += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.ended[id_of(span)] += 1


def id_of(span: ReadableSpan) -> int:
    return span.get_span_context().span_id


def wild(dice: random.Random, over: threading.Event) -> Say:
    ways = (
        (0, {}, b""),
        (503, {}, b"busy"),
        (429, {"Retry-After": "0"}, b""),
        (200, {"Content-Length": "1000", "Connection": "close"}, b"half"),
        (200, {"Content-Length": "1000"}, b"never the rest"),
        (200, {}, b"all of it" * 20_000),
    )

    def say(instance: Instance, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        over.wait(dice.choice((0.0, 0.0, 0.0, 0.2)))
        return dice.choice((*ways, *[(200, {}, b"fine")] * len(ways)))

    return say


def read(parts: Any, dice: random.Random) -> None:
    """As far as somebody likes; or he fails himself."""
    for _ in parts:
        if dice.random() < 0.1:
            return
        if dice.random() < 0.05:
            raise ZeroDivisionError


async def on_a_loop(discovery: Discovery, dice: random.Random) -> None:
    async with AsyncExitStack() as stack:
        limit = aiohttp.ClientTimeout(total=1)
        session = aiohttp.ClientSession(middlewares=[Middleware(discovery)], timeout=limit)
        clients = (
            await stack.enter_async_context(httpx.AsyncClient(transport=for_httpx.AsyncTransport(discovery))),
            await stack.enter_async_context(
                httpx2.AsyncClient(transport=for_httpx2.AsyncTransport(discovery))
            ),
        )
        await stack.enter_async_context(session)

        async def call() -> None:
            async with asyncio.timeout(dice.choice(PATIENCE_S)):
                if dice.random() < 0.3:
                    async with session.request(dice.choice(("GET", "POST")), URL, data=b"x") as answer:
                        await answer.read()
                else:
                    async with dice.choice(clients).stream(dice.choice(("GET", "POST")), URL) as answer:
                        read([part async for part in answer.aiter_bytes(10)], dice)

        async def calls() -> None:
            for _ in range(CALLS // AT_ONCE):
                with suppress(*GIVEN_UP):
                    await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(calls())


def in_a_thread(discovery: Discovery, dice: random.Random) -> None:
    client = httpx.Client(transport=for_httpx.Transport(discovery), timeout=0.5)
    with client, requests.Session() as session:
        session.mount("http://web.svc", Adapter(discovery))
        for _ in range(CALLS // 10):
            with suppress(*GIVEN_UP):
                session.post(URL, data=b"x", timeout=0.5, stream=dice.random() < 0.5).close()
            with suppress(*GIVEN_UP), client.stream("GET", URL) as answer:
                read(answer.iter_bytes(10), dice)


def test_whatever_happens_nothing_is_left(registry: FakeRegistry, web: Web, find: Found) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice, over, spans, provider = random.Random(seed), threading.Event(), Counting(), TracerProvider()
    provider.add_span_processor(spans)
    web(4, say=wild(dice, over))
    registry.add("web", port=closed_port())
    retries = Retries(back_off=QUICK, per_try_timeout=0.2)
    policy = Policy(retries=retries, timeouts=Timeouts(request=1.0))
    discovery = find(policy, tracing=Spans(provider.get_tracer("test")))
    threads = [threading.Thread(target=in_a_thread, args=(discovery, dice)) for _ in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(on_a_loop(discovery, dice))
    for thread in threads:
        thread.join()
    over.set()
    ledger = discovery.pick("web").ledger
    assert ledger is not None
    assert (ledger.memory.active, ledger.memory.retries) == (0, 0)
    assert spans.begun == spans.ended
    assert set(spans.ended.values()) == {1}
