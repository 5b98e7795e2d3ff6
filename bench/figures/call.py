"""A request through our transports, to a service by its name, beside the same request of the same library to a fixed address.

The server is nginx, which answers from memory on the other core; the connection stays open. The two kinds of request take turns, one by
one, so that whatever disturbs the machine disturbs both; what is compared are the medians of each run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from statistics import median

import aiohttp
import httpx
import httpx2
import requests
from msgspec import Struct

from bench.figure import Number, Scale, ratios
from bench.nginx import nginx
from bench.registry import HOST
from muster import Discovery
from muster.integrations import httpx as ours
from muster.integrations import httpx2 as ours2
from muster.integrations.aiohttp import Middleware
from muster.integrations.requests import Adapter

BODY = b'{"sku":"8f1d2c3","stock":12,"warehouse":"north"}'
NAMED = "http://inventory.svc/stock/8f1d2c3"
MOUNT = "all://*.svc"


class Size(Struct, frozen=True):
    calls: int
    runs: int


SIZES = {"full": Size(600, 9), "quick": Size(400, 5), "tiny": Size(3, 1)}
Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]
Pair = tuple[float, float]
"""Medians of one run, in microseconds: through us, and to the fixed address."""


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with nginx(200, BODY) as (_, port), Discovery(f"static:inventory={HOST}:{port}", ["inventory"]) as found:
        found.wait_ready()
        fixed = f"http://{HOST}:{port}/stock/8f1d2c3"
        return [
            _number("httpx", _threads(found, fixed, size, _httpx), bound=1.10),
            _number("httpx2", _threads(found, fixed, size, _httpx2), bound=1.10),
            _number("requests", _threads(found, fixed, size, _requests)),
            _number("httpx, on a loop", asyncio.run(_loop(found, fixed, size, _httpx_loop)), bound=1.10),
            _number("aiohttp", asyncio.run(_loop(found, fixed, size, _aiohttp))),
        ]


def _number(library: str, pairs: Sequence[Pair], bound: float | None = None) -> Number:
    through, direct = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    beside = f"{median(through):.0f} us to {median(direct):.0f} us"
    return Number(
        f"{library}: a request to a service, to one to an address",
        ratios(through, direct),
        "x",
        at_most=bound,
        beside=beside,
    )


def _httpx(stack: ExitStack, found: Discovery, fixed: str) -> tuple[Call, Call]:
    through = stack.enter_context(httpx.Client(mounts={MOUNT: ours.Transport(found)}))
    direct = stack.enter_context(httpx.Client())
    return lambda: through.get(NAMED), lambda: direct.get(fixed)


def _httpx2(stack: ExitStack, found: Discovery, fixed: str) -> tuple[Call, Call]:
    through = stack.enter_context(httpx2.Client(mounts={MOUNT: ours2.Transport(found)}))
    direct = stack.enter_context(httpx2.Client())
    return lambda: through.get(NAMED), lambda: direct.get(fixed)


def _requests(stack: ExitStack, found: Discovery, fixed: str) -> tuple[Call, Call]:
    through, direct = stack.enter_context(requests.Session()), stack.enter_context(requests.Session())
    through.mount("http://inventory.svc/", Adapter(found))
    return lambda: through.get(NAMED), lambda: direct.get(fixed)


def _threads(
    found: Discovery,
    fixed: str,
    size: Size,
    clients: Callable[[ExitStack, Discovery, str], tuple[Call, Call]],
) -> list[Pair]:
    with ExitStack() as stack:
        through, direct = clients(stack, found, fixed)
        _timed(through), _timed(direct)
        return [_run(through, direct, size) for _ in range(size.runs)]


def _run(through: Call, direct: Call, size: Size) -> Pair:
    pairs = [(_timed(through), _timed(direct)) for _ in range(size.calls)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def _timed(call: Call) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e6


async def _httpx_loop(stack: AsyncExitStack, found: Discovery, fixed: str) -> tuple[AsyncCall, AsyncCall]:
    transport = ours.AsyncTransport(found)
    through = await stack.enter_async_context(httpx.AsyncClient(mounts={MOUNT: transport}))
    direct = await stack.enter_async_context(httpx.AsyncClient())
    return lambda: through.get(NAMED), lambda: direct.get(fixed)


async def _aiohttp(stack: AsyncExitStack, found: Discovery, fixed: str) -> tuple[AsyncCall, AsyncCall]:
    through = await stack.enter_async_context(aiohttp.ClientSession(middlewares=[Middleware(found)]))
    direct = await stack.enter_async_context(aiohttp.ClientSession())

    async def get(session: aiohttp.ClientSession, url: str) -> bytes:
        async with session.get(url) as answer:
            return await answer.read()

    return lambda: get(through, NAMED), lambda: get(direct, fixed)


async def _loop(
    found: Discovery,
    fixed: str,
    size: Size,
    clients: Callable[[AsyncExitStack, Discovery, str], Awaitable[tuple[AsyncCall, AsyncCall]]],
) -> list[Pair]:
    async with AsyncExitStack() as stack:
        through, direct = await clients(stack, found, fixed)
        await _awaited(through), await _awaited(direct)
        return [await _run_awaited(through, direct, size) for _ in range(size.runs)]


async def _run_awaited(through: AsyncCall, direct: AsyncCall, size: Size) -> Pair:
    pairs = [(await _awaited(through), await _awaited(direct)) for _ in range(size.calls)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


async def _awaited(call: AsyncCall) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1e6
