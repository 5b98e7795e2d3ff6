"""The composition root: settings in, a running registry out. Everything is put together here and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from msgspec import Struct

from muster import __version__
from muster.core.guard import Rules
from muster.model import limits
from muster.nameserver.server import Sockets
from muster.observe.histogram import Histogram
from muster.observe.lag import LagMeter
from muster.probe.probes import Probes
from muster.registry.prober import Prober
from muster.registry.registry import Registry
from muster.registry.replicas.port import Shared
from muster.registry.store import Store, StoreUnavailable
from muster.server import descriptors, files, logs, naming, shared, sockets, systemd
from muster.server.accepting import Server, configured
from muster.server.certificates import Certificates
from muster.server.config import BadConfig
from muster.server.journal import Journal
from muster.server.settings import Address, Settings
from muster.server.stopping import Stop
from muster.server.surfaces import SURFACES, Meters, Parts
from muster.server.tokens import Tokens
from muster.storage.memory import MemoryStore
from muster.storage.sqlite import FILE_NAME, SqliteStore, StoreRefused
from muster.web.access import Gate
from muster.web.listener import Listener
from muster.web.router import Router

log = structlog.get_logger("muster")

GC_THRESHOLDS = (10_000, 3, 500)
"""A pass costs about a microsecond an object: these are 10 ms for the young ones, 40 ms for the middle-aged. What lives long is not
tracked, or was frozen at the start, so a full pass, which is a stall, finds little and is rare."""


class Running(Struct, frozen=True):
    """A registry that serves. `url` is where, `dns` where its name server is, if it has one."""

    url: str
    registry: Registry
    listener: Listener
    dns: Address | None = None


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
        server = Server(configured(settings, listener, certificates))
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
    registry.on_reset(listener.memo.forget_answers)
    return listener


def _gate(settings: Settings, addresses: Sequence[Address], tokens: Tokens | None) -> Gate:
    hosts = [*settings.allowed_hosts, *(address.host for address in addresses), *shared.own_host(settings)]
    return Gate(hosts, tokens.known if tokens else _no_tokens)


def _no_tokens() -> Sequence[bytes] | None:
    return None


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
