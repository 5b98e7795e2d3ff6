"""Blocking queries: a read that names an index is answered when there is a later one, or when its wait is over.

https://developer.hashicorp.com/consul/api-docs/features/blocking: an index ahead of ours is of another history, so it is
answered at once; clients begin anew when an index goes back.
"""

from __future__ import annotations

from collections.abc import Callable

from muster.core.state import ServiceKey
from muster.model import limits
from muster.registry.registry import Registry
from muster.web.message import Connection

from .catalog import Catalog, Topic, index_at
from .queries import Options


class Blocking:
    """`jitter()` is uniform in 0..1."""

    def __init__(self, registry: Registry, catalog: Catalog, jitter: Callable[[], float]) -> None:
        self._registry = registry
        self._catalog = catalog
        self._jitter = jitter

    async def until(
        self, topic: Topic, options: Options, asker: Connection, service: ServiceKey | None = None
    ) -> None:
        """Return when there is news of the topic for a reader of this index. `service`: natively; its drains then wait for the
        reader to come back."""
        index = options.index
        if index is None:
            return
        wait = options.wait * (1 + self._jitter() / limits.CONSUL_WAIT_JITTER)
        if service is not None and self._registry.snapshot(service).exists:
            self._registry.subscribers.polled(service, asker.peer, index - index_at(0), wait)
        if not self.is_news(topic, index):
            await self._registry.blocked.change(topic, wait, asker)

    def is_news(self, topic: Topic, index: int) -> bool:
        now = self._catalog.index(topic)
        return now > index or index > index_at(self._registry.revision)
