"""Where one request can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from muster.wire.view import InstanceView

from .attempt import Attempt

if TYPE_CHECKING:
    from muster.policy.memory import Peer

    from .traffic import Traffic


class Endpoint(Struct, frozen=True, gc=False):
    """An address that may receive traffic, and the instance behind it. `peer` and `traffic`, of one that was picked: what this
    process knows of it, and where results are told."""

    host: str
    port: int
    instance: InstanceView
    peer: Peer | None = None
    traffic: Traffic | None = None

    @property
    def id(self) -> str:
        return self.instance.instance_id

    @property
    def address(self) -> str:
        """`host:port`, as it stands in a URL: an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def attempt(self) -> Attempt:
        """A call of it begins: how it ends decides who is picked next (`attempt.py`). Raises ValueError if it was not picked."""
        return Attempt(self)

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"<Endpoint {self.instance.service}/{self.id} {self.address}>"


def of(instance: InstanceView) -> Endpoint:
    return Endpoint(instance.host, instance.port, instance)
