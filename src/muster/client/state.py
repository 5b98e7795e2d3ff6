"""What a process knows of a service: `Pending | Bound | Absent | Failed`, never an empty list for "I don't know".

A `Snapshot` is the value readers share: made once per change, swapped whole. The four states are what somebody who asks
is given, with its age at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from muster.model.policy import Policy
from muster.wire.view import InstanceView

from .endpoint import Endpoint

Source = Literal["live", "disk"]


class Snapshot(Struct, frozen=True):
    """A service at a revision. `unconfirmed` are ids that a registry which lost its history no longer lists, kept until it has
    been up for long enough to know. `policy` None: the service has none of its own. `changes`: id -> generation of what is not as in
    the snapshot before this one, 0 of what is not listed any more; None: all of it may differ."""

    service: str
    epoch: str
    revision: int
    exists: bool
    endpoints: tuple[Endpoint, ...]
    unconfirmed: frozenset[str] = frozenset()
    source: Source = "live"
    policy: Policy | None = None
    changes: Mapping[str, int] | None = None

    @property
    def instances(self) -> tuple[InstanceView, ...]:
        return tuple(endpoint.instance for endpoint in self.endpoints)

    def __repr__(self) -> str:
        doubt = f" {len(self.unconfirmed)} unconfirmed" if self.unconfirmed else ""
        where = f"{self.epoch}:{self.revision}"
        return f"<Snapshot {self.service} {where} {len(self.endpoints)} endpoints{doubt} {self.source}>"


class Pending(Struct, frozen=True):
    """Nothing was heard of the service yet."""

    service: str


class Bound(Struct, frozen=True):
    """The service's discoverable instances; there may be none. `age`: seconds since the registry last vouched for them."""

    service: str
    epoch: str
    revision: int
    instances: tuple[InstanceView, ...]
    unconfirmed: frozenset[str]
    age: float
    source: Source


class Absent(Struct, frozen=True):
    """The registry says that nothing of this name is registered, not even something unhealthy."""

    service: str
    epoch: str
    revision: int
    age: float
    source: Source


class Failed(Struct, frozen=True):
    """Nothing was ever heard of the service, and no registry could be asked: `reason` is the last failure."""

    service: str
    reason: str


Mirror = Pending | Bound | Absent | Failed


def mirror_of(service: str, snapshot: Snapshot | None, *, age: float, failure: str) -> Mirror:
    if snapshot is None:
        return Failed(service, failure) if failure else Pending(service)
    if not snapshot.exists and not snapshot.endpoints:
        return Absent(service, snapshot.epoch, snapshot.revision, age, snapshot.source)
    return Bound(
        service=service,
        epoch=snapshot.epoch,
        revision=snapshot.revision,
        instances=snapshot.instances,
        unconfirmed=snapshot.unconfirmed,
        age=age,
        source=snapshot.source,
    )
