"""The composition root: settings in, a running registry out. Everything is put together here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvicorn
from msgspec import Struct

from muster import __version__
from muster.core.guard import Rules
from muster.httpapi import openapi
from muster.httpapi.access import Gate
from muster.httpapi.asgi import App
from muster.httpapi.operations import Operations
from muster.httpapi.policies import Policies
from muster.httpapi.protocol import bound_to
from muster.httpapi.reads import Reads
from muster.httpapi.router import Route, Router
from muster.httpapi.routes import routes
from muster.httpapi.service import Service
from muster.httpapi.writes import Writes
from muster.model import limits
from muster.observe.histogram import Histogram
from muster.observe.history import History
from muster.observe.lag import LagMeter
from muster.observe.metrics import Edge, Metrics
from muster.probe.probes import Probes
from muster.registry.prober import Prober
from muster.registry.registry import Registry
from muster.registry.store import Store, StoreUnavailable
from muster.server import descriptors, files, logs, sockets, systemd
from muster.server.backups import Backups
from muster.server.certificates import Certificates
from muster.server.config import BadConfig
from muster.server.journal import Journal
from muster.server.settings import Address, Settings
from muster.server.stopping import Stop
from muster.server.tokens import Tokens
from muster.storage.memory import MemoryStore
from muster.storage.sqlite import FILE_NAME, SqliteStore, StoreRefused

log = structlog.get_logger("muster")

GC_THRESHOLDS = (10_000, 3, 500)
"""A pass costs about a microsecond an object: these are 10 ms for the young ones, 40 ms for the middle-aged. What lives long is not
tracked, or was frozen at the start, so a full pass, which is a stall, finds little and is rare."""


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the stop is ours, in our order. `accepting` is set once it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Running(Struct, frozen=True):
    """A registry that serves. `url` is where."""

    url: str
    registry: Registry
    service: Service


class Meters(Struct, frozen=True):
    """What is measured while it happens; everything else is read when metrics are asked for."""

    lag: LagMeter
    commit: Histogram
    propagation: Histogram


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. The exit status: 0 after a graceful stop, 1 when it could not start or had to be cut short."""
    logs.configure(settings.log, sys.stderr)
    try:
        most = descriptors.connections(descriptors.raise_limit())
        bound = sockets.opened(settings, os.environ)
        return _run(_until_signal(settings, bound, most))
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


async def _until_signal(settings: Settings, bound: list[socket.socket], connections: int) -> int:
    stop = Stop(settings.stop_within)
    stop.listen(asyncio.get_running_loop())
    async with running(settings, bound, connections=connections) as server:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        log.info("serving", url=server.url, version=__version__, data=str(settings.data))
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
    *,
    connections: int = limits.CONNECTIONS,
    store: Store | None = None,
    prober: Prober | None = None,
) -> AsyncIterator[Running]:
    """A registry that serves on the `bound` sockets until the block ends; then it stops gracefully, within the limit.

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
        registry = await stack.enter_async_context(_registry(settings, store, prober, meters))
        service = Service(registry, _gate(settings, addresses, tokens), connections=connections)
        stack.callback(service.close)
        service.router = Router(_routes(settings, service, store, meters))
        meters.lag.start()
        stack.callback(meters.lag.stop)
        server = Server(_config(settings, service, certificates))
        await stack.enter_async_context(_serving(server, service, bound, [tokens, certificates]))
        scheme = "https" if certificates else "http"
        yield Running(f"{scheme}://{addresses[0]}", registry, service)


@asynccontextmanager
async def _serving(
    server: Server, service: Service, bound: list[socket.socket], watched: Sequence[files.Watched | None]
) -> AsyncIterator[None]:
    """Accept connections until the block ends, with the small tasks that go with it."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(files.watch([file for file in watched if file is not None])),
            group.create_task(Journal(service.registry).keep()),
            group.create_task(_watchdog()),
        ]
        serving = group.create_task(server.serve(bound))
        await server.accepting.wait()
        try:
            yield
        finally:
            await service.go_away("this registry is shutting down")
            server.should_exit = True
            await serving
            for task in tasks:
                task.cancel()


# --- Parts ------------------------------------------------------------------------------------------------------------


async def _store(settings: Settings, meters: Meters) -> Store:
    if settings.store == "memory":
        return MemoryStore()
    return await SqliteStore.open(settings.data / FILE_NAME, on_commit=meters.commit.observe)


def _registry(
    settings: Settings, store: Store, prober: Prober, meters: Meters
) -> AbstractAsyncContextManager[Registry]:
    registry = Registry(
        store,
        prober,
        rules=Rules(ratio=settings.guard.ratio, clear=settings.guard.window),
        retention=settings.expired_retention,
        told=lambda seconds, readers: meters.propagation.observe(seconds),
    )
    return registry.open()


def _gate(settings: Settings, addresses: Sequence[Address], tokens: Tokens | None) -> Gate:
    hosts = [*settings.allowed_hosts, *(address.host for address in addresses)]
    return Gate(hosts, tokens.known if tokens else _no_tokens)


def _no_tokens() -> Sequence[bytes] | None:
    return None


def _routes(settings: Settings, service: Service, store: Store, meters: Meters) -> list[Route]:
    registry = service.registry
    metrics = Metrics(registry, meters.lag, meters.commit, meters.propagation)
    writes = Writes(registry, dots=settings.dotted_names)
    metrics.watch_edge(_edge(service, writes))
    operations = Operations(
        registry,
        service,
        metrics,
        meters.lag,
        store=settings.store,
        backups=Backups(store) if isinstance(store, SqliteStore) else None,
        document=lambda: document,
    )
    history = History()
    registry.on_change(history.note)
    reads = Reads(registry, service, history, dots=settings.dotted_names)
    found = routes(reads, writes, Policies(registry, dots=settings.dotted_names), operations)
    document = openapi.document(found, __version__)
    return found


def _edge(service: Service, writes: Writes) -> Edge:
    return Edge(
        refused=lambda: service.refused,
        refused_registrations=lambda: writes.refused_registrations,
        lookups=lambda: service.lookups,
        streams=lambda: len(service.pulse),
        sessions=lambda: sum(stream.sessions for stream in service.streams()),
        connections=lambda: len(service),
    )


def _config(settings: Settings, service: Service, certificates: Certificates | None) -> uvicorn.Config:
    return uvicorn.Config(
        App(service),
        http=bound_to(service),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=8192,
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
