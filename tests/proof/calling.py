"""A program that calls a service at a steady rate through the library, until its input ends.

    python -m tests.proof.calling KIND --url http://127.0.0.1:8500

Kinds: threads with httpx, httpx2 or requests, tasks with httpx, httpx2 or aiohttp, `prefork` (forked after the library has started),
gRPC in threads and tasks, and `picks`, which never calls anybody and so knows only what it is told.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx  # noqa: TID251 - what is proved
import httpx2
import requests  # noqa: TID251
from tests.proof.notes import Called, Ready, Viewed
from tests.proof.noting import Noting, note

from muster.client import Bound
from muster.integrations import httpx2 as httpx2_transports
from muster.integrations.aiohttp import Middleware
from muster.integrations.httpx import AsyncTransport, Transport
from muster.integrations.requests import Adapter

SERVICE: Final = "web"
URL: Final = f"http://{SERVICE}.svc/"
WORKERS: Final = 4
CHILDREN: Final = 2
POST_EVERY: Final = 5
"""One call in so many is not idempotent."""
VIEW_EVERY_S: Final = 0.25


def viewing(discovery: Noting, ending: threading.Event) -> None:
    """Now and then, in a thread: what this process knows."""
    while not ending.wait(VIEW_EVERY_S):
        mirror = discovery.mirror(SERVICE)
        if isinstance(mirror, Bound):
            ids = tuple(sorted(each.instance_id for each in mirror.instances))
            doubtful = tuple(sorted(mirror.unconfirmed))
            seen = Viewed(
                time.monotonic(), discovery.by, mirror.epoch, mirror.revision, mirror.age, ids, doubtful
            )
            note(seen)


def wait_for_somebody(discovery: Noting) -> None:
    """Until there is anybody to call: that nobody has come yet is no failure of a call."""
    discovery.wait_ready(60)
    changes = discovery.changes(SERVICE, timeout=60)
    while not discovery.instances(SERVICE):
        next(changes)


def begun(discovery: Noting) -> threading.Event:
    """Set when the input ends, in this process and in those forked from it."""
    ending = threading.Event()

    def read() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        ending.set()

    threading.Thread(target=read, daemon=True).start()
    threading.Thread(target=viewing, args=[discovery, ending], daemon=True).start()
    return ending


def methods() -> Callable[[], str]:
    turn = count(1)
    return lambda: "GET" if next(turn) % POST_EVERY else "POST"


def written(began: float, by: str, method: str, outcome: tuple[int, str] | Exception) -> None:
    took = time.monotonic() - began
    if isinstance(outcome, Exception):
        note(Called(began, took, by, "", f"{type(outcome).__name__}: {outcome}"[:200], method))
    else:
        status, answerer = outcome
        note(Called(began, took, by, answerer, str(status), method))


# --- threads


def in_threads(discovery: Noting, period: float, call: Callable[[str], tuple[int, str]]) -> None:
    ending = begun(discovery)

    def work() -> None:
        method = methods()
        while not ending.wait(period * random.uniform(0.8, 1.2)):
            began, name = time.monotonic(), method()
            try:
                written(began, discovery.by, name, call(name))
            except Exception as error:  # noqa: BLE001 - whatever it is, the call has failed
                written(began, discovery.by, name, error)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def with_httpx(discovery: Noting, period: float, library: Any = httpx, transport: Any = Transport) -> None:
    with library.Client(mounts={"all://*.svc": transport(discovery)}, timeout=None) as client:

        def call(method: str) -> tuple[int, str]:
            answer = client.request(method, URL)
            return answer.status_code, answer.text

        in_threads(discovery, period, call)


def with_requests(discovery: Noting, period: float) -> None:
    with requests.Session() as session:
        session.mount(URL, Adapter(discovery))

        def call(method: str) -> tuple[int, str]:
            answer = session.request(method, URL)
            return answer.status_code, answer.text

        in_threads(discovery, period, call)


def prefork(discovery: Noting, period: float) -> None:
    children = []
    for number in range(CHILDREN):
        if not (child := os.fork()):
            discovery.by = f"{discovery.by}-{number}"
            with_httpx(discovery, period)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def picks(discovery: Noting, period: float) -> None:
    ending = begun(discovery)
    while not ending.wait(period / WORKERS):
        discovery.pick(SERVICE)


# --- tasks


async def in_tasks(
    discovery: Noting, period: float, call: Callable[[str], Coroutine[Any, Any, tuple[int, str]]]
) -> None:
    ending = begun(discovery)

    async def work() -> None:
        method = methods()
        while not ending.is_set():
            await asyncio.sleep(period * random.uniform(0.8, 1.2))
            began, name = time.monotonic(), method()
            try:
                written(began, discovery.by, name, await call(name))
            except Exception as error:  # noqa: BLE001 - whatever it is, the call has failed
                written(began, discovery.by, name, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())


async def looping_httpx(
    discovery: Noting, period: float, library: Any = httpx, transport: Any = AsyncTransport
) -> None:
    async with library.AsyncClient(mounts={"all://*.svc": transport(discovery)}, timeout=None) as client:

        async def call(method: str) -> tuple[int, str]:
            answer = await client.request(method, URL)
            return answer.status_code, answer.text

        await in_tasks(discovery, period, call)


async def looping_aiohttp(discovery: Noting, period: float) -> None:
    async with aiohttp.ClientSession(middlewares=[Middleware(discovery)]) as session:

        async def call(method: str) -> tuple[int, str]:
            async with session.request(method, URL) as answer:
                return answer.status, await answer.text()

        await in_tasks(discovery, period, call)


# --- gRPC


def with_grpc(discovery: Noting, period: float) -> None:
    from tests.proof import grpc_calling  # late: it starts threads, and others fork

    grpc_calling.with_grpc(discovery, period)


def looping_grpc(discovery: Noting, period: float) -> None:
    from tests.proof import grpc_calling

    grpc_calling.looping_grpc(discovery, period)


KINDS: Final[dict[str, Callable[[Noting, float], None]]] = {
    "httpx": with_httpx,
    "requests": with_requests,
    "httpx-async": lambda discovery, period: asyncio.run(looping_httpx(discovery, period)),
    "httpx2": lambda discovery, period: with_httpx(discovery, period, httpx2, httpx2_transports.Transport),
    "httpx2-async": lambda discovery, period: asyncio.run(
        looping_httpx(discovery, period, httpx2, httpx2_transports.AsyncTransport)
    ),
    "aiohttp": lambda discovery, period: asyncio.run(looping_aiohttp(discovery, period)),
    "prefork": prefork,
    "grpc": with_grpc,
    "grpc-async": looping_grpc,
    "picks": picks,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--zone", default="")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rate", type=float, default=40.0, help="calls per second, of each process")
    asked = parser.parse_args()
    rng = None if asked.seed is None else random.Random(asked.seed)
    with Noting(asked.url, [SERVICE], zone=asked.zone, cache_dir=asked.cache, rng=rng) as discovery:
        discovery.by = asked.name or asked.kind
        wait_for_somebody(discovery)
        note(Ready(time.monotonic(), discovery.by))
        KINDS[asked.kind](discovery, WORKERS / asked.rate)


if __name__ == "__main__":
    main()
