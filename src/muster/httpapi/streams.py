"""The watch streams of the native API, all of them: their names, and what is to be told to each."""

from __future__ import annotations

from muster.httpapi.frames import LatestFrames
from muster.httpapi.watch import Subscription, Watch
from muster.registry.registry import Registry
from muster.web.listener import Listener
from muster.web.stream import Stream


class Streams:
    def __init__(self, registry: Registry, listener: Listener) -> None:
        self._registry = registry
        self._listener = listener
        self._shared = LatestFrames()
        self._opened = 0
        registry.on_reset(self._reset)

    def watches(self) -> list[Watch]:
        sources = (stream.source for stream in self._listener.streams())
        return [source for source in sources if isinstance(source, Watch)]

    @property
    def sessions(self) -> int:
        return sum(watch.sessions for watch in self.watches())

    def new(self, asked: Subscription, address: str) -> Stream:
        """A stream for a reader at `address`, which acknowledges under the name it is told."""
        self._opened += 1
        registry, name = self._registry, f"{self._registry.new_token()}-{self._opened}"
        headers = [(b"muster-subscriber", name.encode()), (b"muster-epoch", registry.epoch.encode())]
        return Stream(self._listener.pulse, Watch(registry, self._shared, asked, name, address), headers)

    def _reset(self, reason: str) -> None:
        for watch in self.watches():
            watch.reset(reason)
