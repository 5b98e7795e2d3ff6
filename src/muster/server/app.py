"""The composition root: settings in, a running registry out. Everything is put together here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
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
from muster.httpapi.protocol import bound_to
from muster.httpapi.reads import Reads
from muster.httpapi.router import Router
from muster.httpapi.routes import routes
from muster.httpapi.service import Service
from muster.httpapi.writes import Writes
from muster.model import limits
from muster.observe.histogram import Histogram
from muster.observe.lag import LagMeter
from muster.observe.metrics import Edge, Metrics
from muster.probe.probes import Probes
from muster.registry.registry import Registry
from muster.registry.store import Store, StoreUnavailable
from muster.server import logs, systemd
from muster.server.certificates import Certificates
from muster.server.config import BadConfig, exposed
from muster.server.settings import Address, Settings
from muster.server.tokens import Tokens
from muster.storage.memory import MemoryStore
from muster.storage.sqlite import FILE_NAME, SqliteStore, StoreRefused

log = structlog.get_logger("muster")

GC_THRESHOLDS = (50_000, 20, 50)
"""Records are not tracked by the collector; what is left changes slowly, and a full pass is a stall."""


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


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. The exit status: 0 after a graceful stop, 1 when it could not start or had to be cut short."""
    logs.configure(settings.log, sys.stderr)
    try:
        sockets = _sockets(settings)
        return _run(_until_signal(settings, sockets))
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


async def _until_signal(settings: Settings, sockets: list[socket.socket]) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, sockets) as server:
        log.info("serving", url=server.url, version=__version__, data=str(settings.data))
        systemd.notify(os.environ, systemd.READY, systemd.status(f"serving {server.url}"))
        await stop.wait()
        log.info("stopping")
        systemd.notify(os.environ, systemd.STOPPING)
    log.info("stopped")
    return 0


@asynccontextmanager
async def running(settings: Settings, sockets: list[socket.socket]) -> AsyncIterator[Running]:
    """A registry that serves on `sockets` until the block ends; then it stops gracefully, within the limit."""
    loop = asyncio.get_running_loop()
    commit, propagation, lag = Histogram(), Histogram(), LagMeter(loop)
    async with AsyncExitStack() as stack:
        store = await _store(settings, commit.observe)
        addresses = [_address(each) for each in sockets]
        prober = Probes(allow_loopback=all(address.loopback for address in addresses))
        stack.callback(prober.close)
        registry = Registry(
            store,
            prober,
            rules=Rules(ratio=settings.guard.ratio, clear=settings.guard.window),
            retention=settings.expired_retention,
            told=lambda seconds, readers: propagation.observe(seconds),
        )
        await stack.enter_async_context(registry.open())
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
        gate = Gate(
            [*settings.allowed_hosts, *(address.host for address in addresses)],
            tokens.known if tokens else _no_tokens,
        )
        service = Service(registry, gate)
        stack.callback(service.close)
        metrics = Metrics(registry, lag, commit, propagation)
        metrics.watch_edge(_edge(service))
        backups = store if isinstance(store, SqliteStore) else None
        reads = Reads(registry, service, dots=settings.dotted_names)
        writes = Writes(registry, dots=settings.dotted_names)
        operations = Operations(
            registry,
            service,
            metrics,
            lag,
            store=settings.store,
            backups=backups,
            document=lambda: document,
        )
        service.router = Router(routes(reads, writes, operations))
        document = openapi.document(service.router.routes, __version__)
        certificates = _certificates(settings)
        lag.start()
        stack.callback(lag.stop)
        files = [each for each in (tokens, certificates) if each is not None]
        group = await stack.enter_async_context(asyncio.TaskGroup())
        watching = group.create_task(_watch_files(files)) if files else None
        alive = group.create_task(_watchdog())
        server = Server(_config(settings, service, certificates))
        serving = group.create_task(server.serve(sockets))
        await server.accepting.wait()
        scheme = "https" if certificates else "http"
        try:
            yield Running(f"{scheme}://{addresses[0]}", registry, service)
        finally:
            await service.go_away("this registry is shutting down")
            server.should_exit = True
            await serving
            alive.cancel()
            if watching is not None:
                watching.cancel()


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
        timeout_keep_alive=int(limits.IDLE_TIMEOUT_S),
        timeout_graceful_shutdown=max(int(settings.stop_within), 1),
        ssl_context_factory=(lambda config, default: certificates.context) if certificates else None,
    )


async def _store(settings: Settings, on_commit: Callable[[float], None]) -> Store:
    if settings.store == "memory":
        return MemoryStore()
    return await SqliteStore.open(settings.data / FILE_NAME, on_commit=on_commit)


def _certificates(settings: Settings) -> Certificates | None:
    if settings.tls.cert is None or settings.tls.key is None:
        return None
    return Certificates(settings.tls.cert, settings.tls.key)


def _no_tokens() -> Sequence[bytes] | None:
    return None


def _edge(service: Service) -> Edge:
    return Edge(
        refused=lambda: service.refused,
        lookups=lambda: service.lookups,
        streams=lambda: len(service.pulse),
        sessions=lambda: sum(stream.sessions for stream in service.streams()),
        connections=lambda: len(service),
    )


async def _watch_files(files: Sequence[Tokens | Certificates]) -> None:
    """Read tokens and certificates again when they change; say so either way."""
    told: dict[int, str | None] = {}
    while True:
        await asyncio.sleep(limits.FILES_CHECKED_S)
        for number, file in enumerate(files):
            problem = file.refresh()
            name = type(file).__name__.lower()
            if problem == "":
                log.info("read again", file=name)
            elif problem is not None and problem != told.get(number):
                log.error(
                    "a changed file cannot be used; the old one stays in force", file=name, problem=problem
                )
            told[number] = problem


async def _watchdog() -> None:
    """Tell systemd that the loop turns."""
    interval = systemd.watchdog_interval(os.environ, os.getpid())
    while interval is not None:
        systemd.notify(os.environ, systemd.WATCHDOG)
        await asyncio.sleep(interval)


# --- Sockets ----------------------------------------------------------------------------------------------------------


def _sockets(settings: Settings) -> list[socket.socket]:
    """The sockets systemd opened for us, or our own. Raises `OSError` or `BadConfig`."""
    passed = [socket.socket(fileno=fd) for fd in systemd.listen_fds(os.environ, os.getpid())]
    sockets = passed or [listening(settings.listen)]
    for each in sockets:
        if problem := exposed(settings, _address(each)):
            raise BadConfig("listen", "systemd" if passed else "settings", problem)
    return sockets


def listening(address: Address) -> socket.socket:
    """A bound socket. Raises `OSError` naming the address and what to do."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        hint = "is another registry running? choose another address with --listen"
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}; {hint}") from None
    bound.setblocking(False)
    return bound


def _address(bound: socket.socket) -> Address:
    host, port = bound.getsockname()[:2]
    return Address(host, port)
