"""The gRPC kinds of calling processes: a channel has the addresses of the moment it was dialled, so it is dialled anew after every change.

Retries are gRPC's own. It tells nobody whom it chose, so who answered stands for that.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Final

import grpc
import grpc.aio
import msgspec
from tests.proof.calling import SERVICE, in_tasks, in_threads
from tests.proof.grpc_instance import METHOD
from tests.proof.notes import OK, Picked
from tests.proof.noting import Noting, note

from muster.integrations.grpc import target

CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "waitForReady": True,
            "timeout": "15s",
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.025s",
                "maxBackoff": "0.25s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
OPTIONS: Final = (("grpc.service_config", msgspec.json.encode(CONFIG).decode()), ("grpc.enable_retries", 1))


class Dialled:
    """`channel` leads to whoever gets a share now. It is dialled by whoever calls: one of grpc.aio belongs to the loop it is made on."""

    def __init__(self, discovery: Noting, dial: Any) -> None:
        self._discovery = discovery
        self._dial = dial
        self._to = ""
        self._stale = True
        self._channel: Any = None
        self._lock = threading.Lock()
        discovery.on_change(self._changed)

    @property
    def channel(self) -> Any:
        """Hold it while a call is under way: one that is dropped may cancel its calls."""
        with self._lock:
            if self._stale:
                self._stale = False
                to = target(self._discovery, SERVICE)
                if to != self._to:
                    self._channel, self._to = self._dial(to, options=OPTIONS), to
            return self._channel

    def _changed(self, mirror: object) -> None:
        self._stale = True


def answered(discovery: Noting, began: float, name: bytes) -> tuple[int, str]:
    note(Picked(began, discovery.by, name.decode()))
    return int(OK), name.decode()


def with_grpc(discovery: Noting, period: float) -> None:
    dialled = Dialled(discovery, grpc.insecure_channel)

    def call(method: str) -> tuple[int, str]:
        began, channel = time.monotonic(), dialled.channel
        return answered(discovery, began, channel.unary_unary(METHOD)(b""))

    in_threads(discovery, period, call)


async def _looping(discovery: Noting, period: float) -> None:
    dialled = Dialled(discovery, grpc.aio.insecure_channel)

    async def call(method: str) -> tuple[int, str]:
        began, channel = (
            time.monotonic(),
            dialled.channel,
        )  # held: a channel of grpc.aio that is dropped cancels its calls
        return answered(discovery, began, await channel.unary_unary(METHOD)(b""))

    await in_tasks(discovery, period, call)


def looping_grpc(discovery: Noting, period: float) -> None:
    asyncio.run(_looping(discovery, period))
