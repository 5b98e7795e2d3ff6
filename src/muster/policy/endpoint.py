"""What a picker must know of an endpoint. The library's endpoints fit as they are, and so does whatever a test makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar


class Labelled(Protocol):
    """What decides which subsets an instance is in."""

    @property
    def version(self) -> str: ...
    @property
    def deployment_group(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


class Instance(Labelled, Protocol):
    """`muster.wire.view.InstanceView` is one."""

    @property
    def instance_id(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def region(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def weight(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def overdue(self) -> bool: ...


class Target(Protocol):
    """`address` is what ring hash and Maglev hash: `host:port`, as Envoy writes it."""

    @property
    def instance(self) -> Instance: ...
    @property
    def address(self) -> str: ...


E = TypeVar("E", bound=Target)


class Place(NamedTuple):
    """Where a caller is. Empty: it does not know, and all places are as near."""

    zone: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"{self.region}/{self.zone}" if self.region else self.zone
