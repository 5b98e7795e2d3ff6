"""Which copies to make, renew and remove, decided from what each side lists. Pure.

Whoever is here without our origin registered here itself: it has moved over, and is left alone for good. So has one that registered
here under another id: its address says so, and a copy would give it twice its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from muster.model.instance import Instance

from .source import ORIGIN

INCARNATION = "copy"
"""Of every copy: a registration of the instance itself always replaces it, and is never replaced by it."""
Body = dict[str, Any]
Address = tuple[str, str, int]
"""Service, host, port."""


class Present(Struct, frozen=True):
    """Somebody who is registered here. `origin`: of a copy, "" of an instance itself."""

    origin: str
    address: Address


class Steps(Struct, frozen=True):
    """Ids, but for `register`: the registrations to send. `moved` are those left alone."""

    register: dict[str, Body]
    renew: tuple[str, ...]
    remove: tuple[str, ...]
    moved: tuple[str, ...]


def steps(
    theirs: Mapping[str, Body], here: Mapping[str, Present], sent: Mapping[str, Body], origin: str
) -> Steps:
    """`theirs`: what the source lists; `here`: everything registered here, by id; `sent`: what was registered last. A source that
    lists nothing at all has lost its memory, not its instances: nothing is removed."""
    ours = {id for id, one in here.items() if one.origin == origin}
    taken = {one.address for one in here.values() if not one.origin}
    moved = {id for id, body in theirs.items() if (id in here and id not in ours) or _address(body) in taken}
    register = {
        id: body
        for id, body in theirs.items()
        if id not in moved and (id not in ours or sent.get(id) != body)
    }
    gone = (ours - theirs.keys() if theirs else set()) | (ours & moved)
    return Steps(
        register=register,
        renew=tuple(sorted(ours - gone - register.keys())),
        remove=tuple(sorted(gone)),
        moved=tuple(sorted(moved)),
    )


def _address(body: Body) -> Address:
    return body["service"], body["host"], body["endpoints"][0]["port"]


def body(instance: Instance, origin: str, ttl: float) -> Body:
    """The registration of a copy."""
    return {
        "service": instance.service,
        "instance_id": instance.id,
        "host": instance.host,
        "endpoints": [
            {"name": each.name, "port": each.port, "protocol": each.protocol} for each in instance.endpoints
        ],
        "region": instance.region,
        "zone": instance.zone,
        "version": instance.version,
        "weight": instance.weight,
        "tags": list(instance.tags),
        "metadata": {**instance.metadata, ORIGIN: origin},
        "incarnation": INCARNATION,
        "ttl": ttl,
    }
