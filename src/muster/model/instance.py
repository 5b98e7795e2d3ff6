"""An instance: one registered process of a service, as its registrar describes it."""

from __future__ import annotations

from msgspec import Struct

from . import limits
from .check import Check


class Endpoint(Struct, frozen=True, gc=False):
    """A port of the instance that may receive traffic, on the instance's host."""

    name: str
    port: int
    protocol: str


class LeaseTerms(Struct, frozen=True, gc=False):
    """The promise that keeps an instance listed: a heartbeat every `interval` s, gone `ttl` s after the last one."""

    ttl: float = limits.LEASE_TTL_S
    interval: float = limits.LEASE_TTL_S / limits.HEARTBEATS_PER_TTL

    def __repr__(self) -> str:
        return f"<LeaseTerms ttl={self.ttl:g}s interval={self.interval:g}s>"


class Origin(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a registration came from that was not made natively. `details`: what it said that has no native word, as JSON for
    that dialect alone to read."""

    dialect: str
    details: str = ""


class Instance(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a registrar says of itself. `lease` None makes it static: listed until deregistered.

    `deregister_critical_after` (s, 0 = never): removed when failing for so long. An endpoint's port is 0 where a dialect let
    its registrar name none: there is an address and nothing to connect to.
    """

    namespace: str
    service: str
    id: str
    host: str
    endpoints: tuple[Endpoint, ...]
    zone: str = ""
    region: str = ""
    version: str = ""
    deployment_group: str = ""
    weight: int = limits.WEIGHT_DEFAULT
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    checks: tuple[Check, ...] = ()
    lease: LeaseTerms | None = LeaseTerms()
    deregister_critical_after: float = 0.0
    origin: Origin | None = None

    @property
    def port(self) -> int:
        return self.endpoints[0].port

    def check(self, name: str) -> Check | None:
        return next((check for check in self.checks if check.name == name), None)

    def __repr__(self) -> str:
        return f"<Instance {self.namespace}/{self.service}/{self.id} {self.host}:{self.port}>"
