"""Handlers for operators and their tools: health, guard, status, metrics, backup, and the description of the API itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol

import msgspec

from muster import __version__
from muster.httpapi import bodies, targets
from muster.httpapi.streams import Streams
from muster.model import limits, names
from muster.model.errors import Rejected, Unavailable
from muster.observe.lag import LagMeter
from muster.observe.metrics import CONTENT_TYPE, Metrics
from muster.registry.registry import Registry
from muster.web.listener import Listener
from muster.web.message import Download, Request, Response, answer
from muster.wire import answers, filters, strict

PIECE_BYTES = 256 * 1024


class Backups(Protocol):
    """A store that can be copied while it is written to."""

    async def backup(self, destination: Path) -> None:
        """Raises `Unavailable`."""
        ...


class Operations:
    """`store` names the kind of store; `backups` is None where there is nothing to copy."""

    def __init__(
        self,
        registry: Registry,
        listener: Listener,
        streams: Streams,
        metrics: Metrics,
        lag: LagMeter,
        *,
        store: str,
        backups: Backups | None,
        document: Callable[[], bytes],
        dots: bool,
    ) -> None:
        self._registry = registry
        self._listener = listener
        self._streams = streams
        self._metrics = metrics
        self._lag = lag
        self._store = store
        self._backups = backups
        self._document = document
        self._dots = dots
        self._began = time.monotonic()

    # --- Health of the registry itself ------------------------------------------------------------------------------

    def index(self, request: Request) -> Response:
        """Hot. For whoever looks whether anybody is there; a check of Consul's own port asks for it too."""
        return Response(
            200, f"Muster {__version__}; the API is described at /openapi.json\n".encode(), (), b"text/plain"
        )

    def livez(self, request: Request) -> Response:
        return answer(bodies.Alive("alive"))

    def readyz(self, request: Request) -> Response:
        if self._listener.stopping or not self._registry.running:
            raise Unavailable("stopping", "not ready: starting or shutting down")
        return answer(bodies.Ready("ready", self._registry.trouble))

    def status(self, request: Request) -> Response:
        request.only()
        registry, listener, figures = self._registry, self._listener, self._registry.figures()
        p50, p99, most = (round(lag * 1000, 2) for lag in self._lag.quantiles(0.5, 0.99, 1.0))
        status = bodies.Status(
            version=__version__,
            ready=registry.running and not listener.stopping,
            epoch=registry.epoch,
            revision=registry.revision,
            settled=registry.settled,
            uptime_s=round(time.monotonic() - self._began, 1),
            instances=figures.instances,
            services=figures.services,
            leases=figures.leases,
            watchers=len(listener.pulse),
            sessions=self._streams.sessions,
            connections=len(listener),
            suspicions=figures.suspicions,
            commands_waiting=registry.writer.waiting,
            held_zones=figures.held_zones,
            loop_lag_ms=bodies.Lag(p50, p99, most),
            store=self._store,
            store_trouble=registry.trouble,
        )
        return answer(status)

    def metrics(self, request: Request) -> Response:
        return Response(200, self._metrics.text(), media=CONTENT_TYPE.encode())

    def targets(self, request: Request) -> Response:
        """A registry that began a moment ago and knows nobody yet says so, and Prometheus keeps the targets it has."""
        request.only("service", "port", *filters.PARAMETERS)
        registry, namespace = self._registry, request.namespace
        services = [names.service_name(name, dots=self._dots) for name in request.query.get("service", [])]
        port = names.text(request.one("port"), "port", limits.LABEL_CHARS)
        filter = filters.parse(request.query)
        if not registry.figures().instances and not registry.settled:
            raise Unavailable("unsettled", "this registry began a moment ago and has heard of nobody yet")
        return Response(200, targets.body(registry, namespace, services, port, filter))

    # --- Guard ------------------------------------------------------------------------------------------------------

    def guard(self, request: Request) -> Response:
        request.only()
        return answer(self._guard())

    def _guard(self) -> answers.GuardReport:
        whole, *zones = self._registry.guard_report()
        return answers.GuardReport(
            held=any(report.state == "held" for report in (whole, *zones)),
            registry=answers.RegistryGuard(
                whole.state == "held", whole.state, whole.reason, whole.since_ms, whole.exit
            ),
            zones=[
                answers.ZoneGuard(
                    zone=report.zone or "",
                    state=report.state,
                    reason=report.reason,
                    since_ms=report.since_ms,
                    leased=report.leased,
                    silent=report.silent,
                    seen=report.seen,
                    exit=report.exit,
                )
                for report in zones
            ],
        )

    def release(self, request: Request) -> Response:
        request.only()
        asked = strict.decode(_RELEASE, request.body) if request.body else bodies.Release()
        self._registry.release_guard(asked.zone)
        return answer(self._guard())

    # --- The rest ---------------------------------------------------------------------------------------------------

    def openapi(self, request: Request) -> Response:
        return Response(200, self._document(), ((b"cache-control", b"max-age=300"),))

    async def backup(self, request: Request) -> Download:
        """The store as one file. The copy is made aside first, so that a slow reader holds up nothing."""
        request.only()
        if self._backups is None:
            raise Rejected("invalid_request", f"a {self._store} store has nothing to back up")
        try:
            file = await self._copied(self._backups)
        except OSError as error:
            why = f"no room to make the copy in: {error}; TMPDIR names another folder"
            raise Unavailable("store_unavailable", why) from None
        return Download(_pieces(file), ((b"content-disposition", b'attachment; filename="muster.backup"'),))

    async def _copied(self, backups: Backups) -> BinaryIO:
        """A copy of the store that has lost its name: it is gone when it is closed."""
        with TemporaryDirectory(prefix="muster-backup-") as folder:
            copy = Path(folder) / "muster.backup"
            await backups.backup(copy)
            return await asyncio.to_thread(copy.open, "rb")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


_RELEASE = msgspec.json.Decoder(bodies.Release)
