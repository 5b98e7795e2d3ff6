"""Readers by polling: who reads a service by asking again and again, and up to where he knows it.

A poller acknowledges by coming back with a higher index. He counts until the wait of his last request is over, plus
`POLLER_GRACE_S`. One who comes back on a new connection takes the place of one of his address whose connection is gone. All of
them together are bounded: whoever asked longest ago is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from muster.core.state import ServiceKey
from muster.model import limits


class Poller(Struct):
    """`index`: the revision of the service he holds. `until` (s): when he is no longer waited for. `gone`: his connection is."""

    address: str
    index: int
    until: float
    gone: bool = False


class Pollers:
    """By service and peer (`address:port`). `now` is the registry's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._of_service: dict[ServiceKey, dict[str, Poller]] = {}
        self._of_peer: dict[str, set[ServiceKey]] = {}
        self._by_age: OrderedDict[tuple[ServiceKey, str], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_age)

    def asked(self, service: ServiceKey, peer: str, index: int, wait: float) -> None:
        """A blocking read with `index` from `peer` begins."""
        address = peer.rpartition(":")[0]
        if peer not in self._of_service.get(service, ()):
            self._take_place(service, address, index)
        poller = Poller(address, index, self._now() + wait + limits.POLLER_GRACE_S)
        self._of_service.setdefault(service, {})[peer] = poller
        self._of_peer.setdefault(peer, set()).add(service)
        self._by_age[service, peer] = None
        self._by_age.move_to_end((service, peer))
        if len(self._by_age) > limits.POLLERS:
            self._forget(*next(iter(self._by_age)))

    def _take_place(self, service: ServiceKey, address: str, index: int) -> None:
        for peer, poller in self._of_service.get(service, {}).items():
            if poller.gone and poller.address == address and poller.index < index:
                self._forget(service, peer)
                return

    def _forget(self, service: ServiceKey, peer: str) -> None:
        del self._by_age[service, peer]
        of_service, of_peer = self._of_service[service], self._of_peer[peer]
        del of_service[peer]
        of_peer.remove(service)
        if not of_service:
            del self._of_service[service]
        if not of_peer:
            del self._of_peer[peer]

    def disconnected(self, peer: str) -> None:
        """The connection closed; whoever polled on it may come back on another."""
        for service in self._of_peer.get(peer, ()):
            self._of_service[service][peer].gone = True

    def live(self, service: ServiceKey) -> dict[str, Poller]:
        """The pollers of the service that still count."""
        now = self._now()
        for peer in [
            peer for peer, poller in self._of_service.get(service, {}).items() if poller.until <= now
        ]:
            self._forget(service, peer)
        return dict(self._of_service.get(service, {}))

    def next_forgotten(self, service: ServiceKey) -> float:
        """Seconds until the next one of the service no longer counts; 1.0 if there is none."""
        now = self._now()
        return min((poller.until - now for poller in self._of_service.get(service, {}).values()), default=1.0)
