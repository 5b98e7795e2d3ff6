"""Where one request can go, and which of a service's endpoints are in the rotation."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from muster.model import limits
from muster.wire.view import InstanceView


class Endpoint(Struct, frozen=True, gc=False):
    """An address that may receive traffic, and the instance behind it."""

    host: str
    port: int
    instance: InstanceView

    @property
    def id(self) -> str:
        return self.instance.instance_id

    @property
    def address(self) -> str:
        """`host:port`, as it stands in a URL: an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"<Endpoint {self.instance.service}/{self.id} {self.address}>"


def of(instance: InstanceView) -> Endpoint:
    return Endpoint(instance.host, instance.port, instance)


def rotation(endpoints: Sequence[Endpoint], zone: str = "") -> tuple[Endpoint, ...]:
    """Those that take turns: weight above 0, not overdue, in the caller's own zone. Each rule yields before it empties.

    Overdue ones come back where less than the panic threshold would be left: that many silent instances are more likely
    a registry that sees nothing than a service that died. The zone rule looks at no capacity yet: it is for callers who
    spread over the zones as the instances do.
    """
    weighted = tuple(e for e in endpoints if e.instance.weight) or tuple(endpoints)
    fresh = tuple(e for e in weighted if not e.instance.overdue)
    if len(fresh) < limits.PANIC_THRESHOLD * len(weighted):
        fresh = weighted
    if not zone:
        return fresh
    return tuple(e for e in fresh if e.instance.zone == zone) or fresh
