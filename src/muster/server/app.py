"""The composition root: settings in, a running registry out. Everything is put together here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvicorn
from msgspec import Struct

from muster import __version__
from muster.core.guard import Rules
from muster.eureka import routes as eureka
from muster.httpapi import openapi
from muster.httpapi.operations import Operations
from muster.httpapi.policies import Policies
from muster.httpapi.problems import NATIVE
from muster.httpapi.reads import Reads
from muster.httpapi.routes import routes
from muster.httpapi.streams import Streams
from muster.httpapi.writes import Writes
from muster.model import limits
from muster.nameserver.server import Nameserver, Sockets
from muster.observe.histogram import Histogram
from muster.observe.history import History
from muster.observe.lag import LagMeter
from muster.observe.metrics import Edge, Metrics
from muster.probe.probes import Probes
from muster.registry.prober import Prober
from muster.registry.registry import Registry
from muster.registry.replicas.port import Shared
from muster.registry.store import Store, StoreUnavailable
from muster.server import descriptors, files, logs, naming, shared, sockets, systemd
from muster.server.backups import Backups
from muster.server.certificates import Certificates
from muster.server.config import BadConfig
from muster.server.consul import consul
from muster.server.journal import Journal
from muster.server.moving import SharedBackups
from muster.server.settings import Address, Settings
from muster.server.stopping import Stop
from muster.server.tokens import Tokens
from muster.storage.memory import MemoryStore
from muster.storage.sqlite import FILE_NAME, SqliteStore, StoreRefused
from muster.web.access import Gate
from muster.web.asgi import App
from muster.web.listener import Listener
from muster.web.protocol import bound_to
from muster.web.router import Router, Surface

log = structlog.get_logger("muster")

GC_THRESHOLDS = (10_000, 3, 500)
"""A pass costs about a microsecond an object: these are 10 ms for the young ones, 40 ms for the middle-aged. What lives long is not
tracked, or was frozen at the start, so a full pass, which is a stall, finds little and is rare."""


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the stop is ours, in our order. `accepting` is set once it accepts connections.

    uvicorn begins the same way, but leaves a TLS handshake as long as the loop does, a minute.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=each,
                ssl=config.ssl,
                ssl_handshake_timeout=limits.TLS_HANDSHAKE_S if config.is_ssl else None,
                backlog=config.backlog,
            )
            for each in sockets or ()
        ]
        self.started = True
        self.accepting.set()

    def _connection(self) -> asyncio.Protocol:
        protocol = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Running(Struct, frozen=True):
    """A registry that serves. `url` is where, `dns` where its name server is, if it has one."""

    url: str
    registry: Registry
    listener: Listener
    dns: Address | None = None


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


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. The exit status: 0 after a graceful stop, 1 when it could not start or had to be cut short."""
    logs.configure(settings.log, sys.stderr)
    try:
        most = descriptors.connections(descriptors.raise_limit())
        bound = sockets.opened(settings, os.environ)
        dns = sockets.named(settings.dns) if settings.dns else None
        return _run(_until_signal(settings, bound, most, dns))
    except (BadConfig, StoreRefused, StoreUnavailable, OSError) as error:
        log.error("cannot start", problem=str(error))
        return 1


def _run(main: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    status: int = uvloop.run(main)
    return status


async def _until_signal(
    settings: Settings, bound: list[socket.socket], connections: int, dns: Sockets | None
) -> int:
    stop = Stop(settings.stop_within)
    stop.listen(asyncio.get_running_loop())
    async with running(settings, bound, dns, connections=connections) as server:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        where = {"url": server.url} | ({"dns": str(server.dns)} if server.dns else {})
        log.info("serving", **where, version=__version__, data=str(settings.data))
        systemd.notify(os.environ, systemd.READY, systemd.status(f"serving {server.url}"))
        await stop.asked.wait()
        log.info("stopping")
        systemd.notify(os.environ, systemd.STOPPING)
    log.info("stopped")
    return 0


@asynccontextmanager
async def running(
    settings: Settings,
    bound: list[socket.socket],
    dns: Sockets | None = None,
    *,
    connections: int = limits.CONNECTIONS,
    store: Store | None = None,
    prober: Prober | None = None,
) -> AsyncIterator[Running]:
    """A registry that serves on the `bound` sockets, and names on those of `dns`, until the block ends; then it stops gracefully,
    within the limit.

    `store` and `prober` are those of the settings unless somebody brings their own, as tests do.
    """
    addresses = [sockets.address_of(each) for each in bound]
    tokens, certificates = _tokens(settings), _certificates(settings)
    meters = Meters(LagMeter(asyncio.get_running_loop()), Histogram(), Histogram())
    async with AsyncExitStack() as stack:
        if prober is None:
            prober = Probes(allow_loopback=all(address.loopback for address in addresses))
            stack.callback(prober.close)
        store = store or await _store(settings, meters)
        among = shared.among(settings, store, addresses[0], stack)
        registry = await stack.enter_async_context(_registry(settings, store, prober, meters, among))
        listener = _listener(registry, _gate(settings, addresses, tokens), connections)
        stack.callback(listener.close)
        nameserver = await stack.enter_async_context(naming.serving(settings, registry, dns)) if dns else None
        parts = Parts(settings, registry, listener, store, meters, nameserver, tokens)
        listener.router = Router(surface(parts) for surface in SURFACES)
        meters.lag.start()
        stack.callback(meters.lag.stop)
        server = Server(_config(settings, listener, certificates))
        await stack.enter_async_context(_serving(server, registry, listener, bound, [tokens, certificates]))
        scheme = "https" if certificates else "http"
        at = sockets.address_of(dns.tcp) if dns else None
        yield Running(f"{scheme}://{addresses[0]}", registry, listener, at)


@asynccontextmanager
async def _serving(
    server: Server,
    registry: Registry,
    listener: Listener,
    bound: list[socket.socket],
    watched: Sequence[files.Watched | None],
) -> AsyncIterator[None]:
    """Accept connections until the block ends, with the small tasks that go with it."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(files.watch([file for file in watched if file is not None])),
            group.create_task(Journal(registry).keep()),
            group.create_task(_watchdog()),
        ]
        serving = group.create_task(server.serve(bound))
        await server.accepting.wait()
        try:
            yield
        finally:
            registry.answer_waiting()
            await listener.go_away("this registry is shutting down")
            server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()


# --- Parts ------------------------------------------------------------------------------------------------------------


async def _store(settings: Settings, meters: Meters) -> Store:
    if settings.store == "memory":
        return MemoryStore()
    if settings.shares_store:
        return await shared.opened(settings, meters.commit.observe)
    return await SqliteStore.open(settings.data / FILE_NAME, on_commit=meters.commit.observe)


def _registry(
    settings: Settings, store: Store, prober: Prober, meters: Meters, among: Shared | None
) -> AbstractAsyncContextManager[Registry]:
    registry = Registry(
        store,
        prober,
        rules=Rules(ratio=settings.guard.ratio, clear=settings.guard.window),
        retention=settings.expired_retention,
        propagated=lambda seconds, readers: meters.propagation.observe(seconds),
        shared=among,
    )
    return registry.open()


def _listener(registry: Registry, gate: Gate, connections: int) -> Listener:
    listener = Listener(gate, connections=connections, disconnected=registry.subscribers.disconnected)
    registry.on_reset(listener.forget_answers)
    return listener


def _gate(settings: Settings, addresses: Sequence[Address], tokens: Tokens | None) -> Gate:
    hosts = [*settings.allowed_hosts, *(address.host for address in addresses), *shared.own_host(settings)]
    return Gate(hosts, tokens.known if tokens else _no_tokens)


def _no_tokens() -> Sequence[bytes] | None:
    return None


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


def _config(settings: Settings, listener: Listener, certificates: Certificates | None) -> uvicorn.Config:
    return uvicorn.Config(
        App(listener),
        http=bound_to(listener),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=limits.BACKLOG,
        timeout_graceful_shutdown=max(int(settings.stop_within * limits.STOP_REQUESTS_SHARE), 1),
        ssl_context_factory=(lambda config, default: certificates.context) if certificates else None,
    )


def _tokens(settings: Settings) -> Tokens | None:
    return Tokens(settings.tokens_file) if settings.tokens_file else None


def _certificates(settings: Settings) -> Certificates | None:
    if settings.tls.cert is None or settings.tls.key is None:
        return None
    return Certificates(settings.tls.cert, settings.tls.key)


async def _watchdog() -> None:
    """Tell systemd that the loop turns."""
    interval = systemd.watchdog_interval(os.environ, os.getpid())
    while interval is not None:
        systemd.notify(os.environ, systemd.WATCHDOG)
        await asyncio.sleep(interval)
