"""Values for tests, with everything said that does not matter, so that a test says only what does.

register(instance("web-1", zone="b", ttl=6))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from muster.core.commands import Register
from muster.model import limits
from muster.model.check import Check, Health
from muster.model.instance import Endpoint, Instance, LeaseTerms
from muster.model.record import Facts, Record

NOON = 1_750_000_000_000
"""A wall-clock time in ms."""


def instance(
    id: str = "web-1",
    service: str = "web",
    *,
    namespace: str = "default",
    host: str = "10.0.0.1",
    port: int = 80,
    zone: str = "a",
    ttl: float = limits.LEASE_TTL_S,
    static: bool = False,
    checks: Sequence[Check] = (),
    **more: object,
) -> Instance:
    """An instance with one HTTP endpoint and a lease of `ttl` s, renewed three times in it. `more`: fields of `Instance`."""
    plain = Instance(
        namespace=namespace,
        service=service,
        id=id,
        host=host,
        endpoints=(Endpoint("default", port, "http"),),
        zone=zone,
        checks=tuple(checks),
        lease=None if static else LeaseTerms(ttl, ttl / limits.HEARTBEATS_PER_TTL),
    )
    return replace(plain, **more)


def register(
    of: Instance | None = None,
    incarnation: str = "first",
    *,
    starting: bool = False,
    owner: bytes = b"",
    at: int = NOON,
) -> Register:
    return Register(of or instance(), incarnation, starting, owner, at)


def record(
    of: Instance | None = None,
    incarnation: str = "first",
    *,
    generation: int = 1,
    owner: bytes = b"",
    at: int = NOON,
    checks: Mapping[str, Health] | None = None,
    **facts: object,
) -> Record:
    """A committed record. `facts`: fields of `Facts`."""
    known_facts = replace(Facts(checks=dict(checks or {})), **facts)
    return Record(of or instance(), incarnation, known_facts, at, at, generation, owner)


def http_check(name: str = "health", **more: object) -> Check:
    """An HTTP check with the defaults of a registration. `more`: fields of `Check`."""
    return replace(Check(name, "http", path="/health"), **more)


def ttl_check(name: str = "pulse", ttl: float = limits.LEASE_TTL_S) -> Check:
    return Check(name, "ttl", ttl=ttl)
