"""The name server, as the settings want it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom

from muster.nameserver.server import Domains, Nameserver, Sockets
from muster.observe.metrics import Names
from muster.registry.registry import Registry
from muster.server import sockets
from muster.server.settings import Settings


@asynccontextmanager
async def serving(settings: Settings, registry: Registry, bound: Sockets) -> AsyncIterator[Nameserver]:
    """A drain tells from here on how long resolvers may hold what they were told."""
    domains = Domains(
        own=settings.dns_domain,
        consul=settings.dns_consul_domain,
        cluster=settings.dns_cluster_domain,
        datacenter=settings.consul.datacenter,
    )
    ttl = int(settings.dns_ttl)
    nameserver = Nameserver(registry, domains, sockets.address_of(bound.tcp).host, ttl, SystemRandom())
    registry.subscribers.dns_ttl_s = float(settings.dns_ttl)
    async with nameserver.serving(bound):
        yield nameserver


def counts(nameserver: Nameserver) -> Names:
    return Names(
        queries=nameserver.responder.queries,
        connections=lambda: len(nameserver.connections),
        remembered=lambda: len(nameserver.responder.memo),
    )
