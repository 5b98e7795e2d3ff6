"""A caller of the service `web` at an even rate, by httpx on a loop and the library, both as they come. `python -m bench.caller URLS NAME
RATE`, until its input ends.

A call begins when it is due, whatever became of those before. What is chosen and what comes of it is written down, a line each
(`tests.proof.notes`).
"""

from __future__ import annotations

import asyncio
import sys
import time

import httpx
from tests.proof.notes import OK, Called, Ready
from tests.proof.noting import Noting, note

from muster.integrations.httpx import AsyncTransport

SERVICE = "web"
END_S = 20.0
"""A call may take 15 s, by the policy."""


async def call(client: httpx.AsyncClient, by: str) -> None:
    began, to, said = time.monotonic(), "", OK
    try:
        answer = await client.get(f"http://{SERVICE}.svc/")
        to, said = answer.extensions["muster"].id, str(answer.status_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, the call has failed
        said = f"{type(error).__name__}: {error}"[:200]
    note(Called(began, time.monotonic() - began, by, to, said))


async def calling(discovery: Noting, rate: float) -> None:
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    calls: set[asyncio.Task[None]] = set()
    async with httpx.AsyncClient(mounts={"all://*.svc": AsyncTransport(discovery)}) as client:
        due = time.monotonic()
        while not over.done():
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            calls.add(task := asyncio.create_task(call(client, discovery.by)))
            task.add_done_callback(calls.discard)
        if calls:
            await asyncio.wait(calls, timeout=END_S)


def main(urls: str, name: str, rate: float) -> None:
    with Noting(urls, [SERVICE]) as discovery:
        discovery.by = name
        discovery.wait_ready()
        note(Ready(time.monotonic(), name))
        asyncio.run(calling(discovery, rate))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
