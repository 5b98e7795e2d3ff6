"""Waiting, always with an end: for an event, and for a service to change."""

from __future__ import annotations

import asyncio
from typing import Protocol

from muster.core.state import ServiceKey
from muster.model import limits
from muster.model.errors import Unavailable
from muster.registry.hub import Hub


async def within(seconds: float, event: asyncio.Event) -> None:
    """Return when the event is set, or when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


class Asker(Protocol):
    """Whoever waits for the answer to a blocking read. `waiting` is there meanwhile, and is set when he has gone."""

    waiting: asyncio.Event | None


class Blocked:
    """The blocking reads that wait now: at most `BLOCKING_READS`, whatever dialect they speak."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._readers: set[_Reader] = set()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._readers)

    async def change(self, service: ServiceKey, wait: float, asker: Asker) -> None:
        """Return when the service changes, after `wait` s, or when the asker or the registry goes away. Raises `Unavailable`."""
        if len(self._readers) >= limits.BLOCKING_READS:
            raise Unavailable("overloaded", f"{limits.BLOCKING_READS} readers are waiting already")
        if self._stopped:
            return
        reader = _Reader()
        asker.waiting = reader.over
        self._readers.add(reader)
        self._hub.add(service, reader)
        try:
            await within(wait, reader.over)
        finally:
            self._hub.remove(service, reader)
            self._readers.remove(reader)
            asker.waiting = None

    def stop(self) -> None:
        """Let every read be answered with what is known now."""
        self._stopped = True
        for reader in self._readers:
            reader.over.set()


class _Reader:
    def __init__(self) -> None:
        self.over = asyncio.Event()

    def service_changed(self, service: ServiceKey) -> None:
        self.over.set()
