"""The answer to a look-up: who may take the next request of a service. It is asked for all the time."""

from __future__ import annotations

from msgspec.structs import replace

from muster.core.state import ServiceKey, View
from muster.httpapi.problems import refusal
from muster.model.errors import Rejected
from muster.registry.registry import Registry
from muster.web.message import Response
from muster.wire import view as wire_view
from muster.wire.filters import Filter


def listed(registry: Registry, key: ServiceKey, filter: Filter, held: str) -> Response:
    """200, 304 for a reader that holds it already, or 404 for a service without any instance."""
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
    response = refusal(Rejected("unknown_service", detail), extra)
    return replace(response, headers=((b"muster-index", b"%d" % registry.revision),))
