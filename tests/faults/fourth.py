"""A fourth replica, in the process of the test, on a store that keeps something from it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.request import urlopen

from tests.faults.replicas import START_S, Trio, call

from muster.registry.store import Put, Removed
from muster.server.app import running
from muster.server.settings import Address, Settings, StoreName
from muster.server.sockets import listening
from muster.storage.etcd.location import parse
from muster.storage.etcd.store import EtcdStore
from muster.testing.forgetful import ForgetfulStore

LOOPBACK = Address("127.0.0.1", 0)


class Fourth:
    """A replica in this process, `port` is where; what `forgets` names of the store's changes it is never told of."""

    def __init__(self) -> None:
        self.forgets: set[str] = set()
        self.port = 0
        self.store: ForgetfulStore

    def forget(self, entry: Put | Removed) -> bool:
        return entry.key in self.forgets

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await asyncio.to_thread(call, self.port, method, path, body, 10.0)

    async def ask(self, path: str) -> Any:
        return (await self.call("GET", path))[1]

    async def metric(self, name: str) -> float:
        text = await asyncio.to_thread(scraped, self.port)
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def scraped(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


@asynccontextmanager
async def fourth(trio: Trio) -> AsyncIterator[Fourth]:
    one = Fourth()
    url = f"{trio.etcd.url}/trio"
    one.store = ForgetfulStore(await EtcdStore.open(parse(url)), one.forget)
    bound: socket.socket = listening(LOOPBACK)
    settings = Settings(listen=LOOPBACK, store=StoreName(url))
    async with running(settings, [bound], store=one.store):
        one.port = bound.getsockname()[1]

        async def joined() -> bool:
            return (await one.call("PUT", "/heartbeat/nobody"))[0] == 404

        await until(trio, joined)
        yield one


async def until(trio: Trio, true: Any) -> None:
    async with asyncio.timeout(2 * START_S):
        while not await true():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.1)
