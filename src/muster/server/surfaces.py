"""The dialects on the port, each made of the same parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from muster import __version__
from muster.eureka import routes as eureka
from muster.httpapi import openapi
from muster.httpapi.operations import Operations
from muster.httpapi.policies import Policies
from muster.httpapi.problems import NATIVE
from muster.httpapi.reads import Reads
from muster.httpapi.routes import routes
from muster.httpapi.streams import Streams
from muster.httpapi.writes import Writes
from muster.nameserver.server import Nameserver
from muster.observe.histogram import Histogram
from muster.observe.history import History
from muster.observe.lag import LagMeter
from muster.observe.metrics import Edge, Metrics
from muster.registry.registry import Registry
from muster.registry.store import Store
from muster.server import naming, shared
from muster.server.backups import Backups
from muster.server.consul import consul
from muster.server.moving import SharedBackups
from muster.server.settings import Settings
from muster.server.tokens import Tokens
from muster.storage.sqlite import SqliteStore
from muster.web.listener import Listener
from muster.web.router import Surface


class Meters(Struct, frozen=True):
    """What is measured while it happens; everything else is read when metrics are asked for."""

    lag: LagMeter
    commit: Histogram
    propagation: Histogram


class Parts(Struct, frozen=True):
    """What a dialect is made of."""

    settings: Settings
    registry: Registry
    listener: Listener
    store: Store
    meters: Meters
    nameserver: Nameserver | None
    tokens: Tokens | None


def _backups(parts: Parts) -> Backups | SharedBackups | None:
    if isinstance(parts.store, SqliteStore):
        return Backups(parts.store)
    return SharedBackups(parts.store) if parts.settings.shares_store else None


def _native(parts: Parts) -> Surface:
    settings, registry, listener, meters = parts.settings, parts.registry, parts.listener, parts.meters
    metrics = Metrics(registry, meters.lag, meters.commit, meters.propagation)
    writes = Writes(registry, dots=settings.dotted_names)
    streams = Streams(registry, listener)
    metrics.watch_edge(_edge(listener, streams, writes))
    if parts.nameserver is not None:
        metrics.watch_names(naming.counts(parts.nameserver))
    operations = Operations(
        registry,
        listener,
        streams,
        metrics,
        meters.lag,
        store=str(settings.store.partition("://")[0]),
        backups=_backups(parts),
        document=lambda: document,
        dots=settings.dotted_names,
    )
    history = History()
    registry.on_change(history.note)
    reads = Reads(registry, listener, streams, history, dots=settings.dotted_names)
    found = routes(reads, writes, Policies(registry, dots=settings.dotted_names), operations)
    document = openapi.document(found, __version__)
    return Surface(NATIVE, tuple(found), ("/",))


def _consul(parts: Parts) -> Surface:
    return consul(parts.registry, parts.listener, parts.settings)


def _replicas(parts: Parts) -> Surface:
    return shared.surface(parts.settings, parts.registry, parts.tokens, __version__)


def _edge(listener: Listener, streams: Streams, writes: Writes) -> Edge:
    return Edge(
        refused=lambda: listener.refused,
        refused_registrations=lambda: writes.refused_registrations,
        lookups=lambda: listener.lookups,
        streams=lambda: len(listener.pulse),
        sessions=lambda: streams.sessions,
        connections=lambda: len(listener),
    )


def _eureka(parts: Parts) -> Surface:
    return eureka.surface(parts.registry, dots=parts.settings.dotted_names)


SURFACES: Sequence[Callable[[Parts], Surface]] = (_native, _consul, _eureka, _replicas)
"""The dialects on the port; the native one answers where no other does."""
