"""Consul's API over this registry: its parts put together, and who we are to its clients."""

from __future__ import annotations

import ipaddress
import socket
from random import SystemRandom

from muster import __version__
from muster.consul.blocking import Blocking
from muster.consul.catalog import Catalog
from muster.consul.filter import Filters
from muster.consul.home import own_service
from muster.consul.names import Home
from muster.consul.routes import surface
from muster.consul.shared import Shared, outputs
from muster.consul.views import Views
from muster.registry.registry import Registry
from muster.server.settings import Settings
from muster.web.listener import Listener
from muster.web.router import Surface


def consul(registry: Registry, listener: Listener, settings: Settings) -> Surface:
    home = Home(
        node=settings.consul.node or socket.gethostname(),
        address=settings.consul.address or _address(settings.listen.host),
        datacenter=settings.consul.datacenter,
        version=__version__,
    )
    catalog = Catalog(registry, home, own_service(home))
    views = Views(catalog, home, outputs(registry))
    blocking = Blocking(registry, catalog, SystemRandom().random)
    return surface(Shared(registry, listener, catalog, views, blocking, Filters(), home))


def _address(host: str) -> str:
    """Where others reach a registry that listens at `host`: there, or wherever its name leads if it listens everywhere."""
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    if not everywhere:
        return "127.0.0.1" if host == "localhost" else host
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
