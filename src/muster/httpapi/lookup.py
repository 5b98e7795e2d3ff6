"""Look-ups: who may take the next request of a service. The one answer that is asked for all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from muster.core.state import ServiceKey, View
from muster.httpapi.message import Response, encode, refusal
from muster.model import limits
from muster.model.errors import Rejected
from muster.registry.registry import Registry
from muster.wire import view as wire_view
from muster.wire.filters import Filter

if TYPE_CHECKING:
    from muster.httpapi.service import Service


class Lookup:
    """A look-up: service, filter, and the ETag the reader holds.

    Its bytes are made once per change, and once a second; large ones each time, for copying them costs less than keeping them.
    """

    __slots__ = ("_bytes", "_filter", "_held", "_key", "_revision", "_service", "_stamp")

    def __init__(self, service: Service, key: ServiceKey, filter: Filter, held: str) -> None:
        self._service = service
        self._key = key
        self._filter = filter
        self._held = held
        self._revision = -1
        self._stamp = 0.0
        self._bytes = b""

    def answer(self) -> bytes:
        """The whole answer, for a connection that stays open."""
        service = self._service
        revision = service.registry.snapshot(self._key).revision
        if revision == self._revision and service.seconds == self._stamp:
            service.lookups += 1
            return self._bytes
        told = encode(self.response(), service.date)
        if len(told) <= limits.MEMO_ANSWER_BYTES:
            self._revision, self._stamp, self._bytes = revision, service.seconds, told
        return told

    def response(self) -> Response:
        service = self._service
        service.lookups += 1
        service.registry.subscribers.looked(self._key)
        return listed(service.registry, self._key, self._filter, self._held)


def listed(registry: Registry, key: ServiceKey, filter: Filter, held: str) -> Response:
    """The answer to a look-up: 200, 304 for a reader that holds it already, or 404 for a service without any instance."""
    snapshot = registry.snapshot(key)
    if not snapshot.exists:
        return _unknown(registry, key)
    settled = registry.settled
    view = snapshot.view(filter)
    etag = f'"{registry.epoch}.{snapshot.revision}{"" if settled else "u"}.{filter.key}"'
    headers = (
        (b"etag", etag.encode()),
        (b"muster-index", b"%d" % snapshot.revision),
        (b"muster-age", b"%d" % registry.age),
        (b"cache-control", b"no-cache"),
    )
    if held and (held == "*" or etag in (tag.strip().removeprefix("W/") for tag in held.split(","))):
        return Response(304, headers=headers)
    return Response(200, view.once(f"list {settled}", lambda: _list(view, registry.epoch, settled)), headers)


def _list(view: View, epoch: str, settled: bool) -> bytes:
    bodies = (entry.json for entry in view.entries)
    return wire_view.list_body(view.key.name, view.revision, epoch, settled, bodies)


def _unknown(registry: Registry, key: ServiceKey) -> Response:
    extra = {"revision": registry.revision, "epoch": registry.epoch, "settled": registry.settled}
    detail = f"no instance of {key.name!r} is registered in namespace {key.namespace!r}"
    told = refusal(Rejected("unknown_service", detail), extra)
    return replace(told, headers=((b"muster-index", b"%d" % registry.revision),))
