"""The name server: zones, memory and sockets put together, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from random import Random

from msgspec import Struct

from muster.registry.registry import Registry

from .consul import ConsulZone
from .directory import Directory
from .inzone import World
from .kubernetes import KubernetesZone
from .resolver import Resolver
from .responder import Responder
from .tcp import Connections
from .udp import Datagrams


class Domains(Struct, frozen=True):
    """Where our names are, Consul's, and Kubernetes'; and what Consul's call the datacenter."""

    own: str
    consul: str
    cluster: str
    datacenter: str


class Sockets(Struct, frozen=True):
    """Bound to the same address."""

    udp: socket.socket
    tcp: socket.socket


class Nameserver:
    """Answers from `registry` while `serving`. `ttl` is in seconds."""

    def __init__(self, registry: Registry, domains: Domains, address: str, ttl: int, rng: Random) -> None:
        self._registry = registry
        self._directory = Directory()
        at = ip_address(address)
        world = World(registry, self._directory, None if at.is_unspecified else at, ttl)
        home = KubernetesZone(domains.own, empty_exists=True)
        zones = (KubernetesZone(domains.cluster), ConsulZone(domains.consul, domains.datacenter), home)
        self.responder = Responder(Resolver(world, zones, home), rng)
        self.connections = Connections(self.responder, asyncio.get_running_loop())
        registry.on_change(lambda change, wall: self._directory.changed(change))
        registry.on_load(self._load)
        registry.on_touched(self.responder.memo.forget)
        self._load()

    def _load(self) -> None:
        self._directory.load(self._registry.entries())

    @asynccontextmanager
    async def serving(self, sockets: Sockets) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Datagrams(self.responder), sock=sockets.udp
        )
        server = await loop.create_server(self.connections.connection, sock=sockets.tcp)
        try:
            yield
        finally:
            server.close()
            self.connections.close()
            transport.close()
