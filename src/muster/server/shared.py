"""Several registries on one store, by their settings. The packages of the store are not part of a plain server."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import structlog

from muster.httpapi.problems import NATIVE
from muster.peers.bodies import MEDIA
from muster.peers.client import HttpPeers
from muster.peers.surface import Handlers
from muster.registry.registry import Registry
from muster.registry.replicas.port import Member, Shared
from muster.registry.store import SharedStore, Store
from muster.server.config import BadConfig
from muster.server.settings import Address, Settings
from muster.server.tokens import Tokens
from muster.storage.etcd.location import Credentials, Location, parse
from muster.web.dialect import Dialect, bearer
from muster.web.message import Request
from muster.web.router import Surface

if TYPE_CHECKING:
    from muster.storage.etcd.client import Client
    from muster.storage.etcd.store import EtcdStore

log = structlog.get_logger("muster")


def member(settings: Settings, address: Address) -> Member:
    """Who this replica is to the others. Raises `BadConfig` where they could not reach it."""
    url = settings.replica.url
    if url is None:
        if address.host in ("0.0.0.0", "::"):  # noqa: S104 - not a place where anybody can be reached
            raise BadConfig(
                "replica.url",
                "default",
                f"say where the other replicas reach this one: http://HOST:{address.port}",
            )
        url = f"{'https' if settings.tls.cert else 'http'}://{address}"
    return Member(settings.replica.name or urlsplit(url).netloc, url.rstrip("/"), secrets.token_hex(8))


def peers(settings: Settings) -> HttpPeers:
    """Raises `OSError` for a file that cannot be read."""
    replica = settings.replica
    tls = ssl.create_default_context(cafile=str(replica.ca)) if replica.ca else None
    return HttpPeers(secret(settings), tls)


def secret(settings: Settings) -> str:
    """Empty if none is set. Raises `BadConfig` for a file that holds none, which everybody would know; `OSError`."""
    file = settings.replica.secret_file
    if file is None:
        return ""
    found = file.read_text().strip()
    if not found or not found.isprintable():
        problem = "write the secret that all replicas share into it, as one line"
        raise BadConfig(
            "replica.secret_file", str(file), f"{problem}; it is {'empty' if not found else 'none'}"
        )
    return found


def among(settings: Settings, store: Store, address: Address, stack: AsyncExitStack) -> Shared | None:
    """What makes this registry one of several; None if it is alone. Raises `BadConfig`, `OSError`."""
    if not settings.shares_store:
        return None
    others = peers(settings)
    stack.callback(others.close)
    return Shared(cast(SharedStore, store), member(settings, address), others)


def own_host(settings: Settings) -> list[str]:
    """The name under which other replicas call this one."""
    host = urlsplit(settings.replica.url).hostname if settings.replica.url else None
    return [host] if host else []


def surface(settings: Settings, registry: Registry, tokens: Tokens | None, version: str) -> Surface:
    """The routes of replicas; none for a registry that is alone. Who shows the cluster's secret needs no token beside it."""
    if registry.replicas is None:
        return Surface(NATIVE, (), ())
    handlers = Handlers(registry.replicas, secret(settings), version)

    def token(request: Request) -> bytes | None:
        known = tokens.known() if tokens and handlers.knows_secret(request) else None
        return known[0] if known else bearer(request)

    dialect = Dialect("replicas", NATIVE.refusal, token, frozenset({MEDIA}))
    return Surface(dialect, handlers.routes(), ("/v1/replicas",))


def credentials(settings: Settings) -> Credentials:
    etcd = settings.etcd
    return Credentials(etcd.ca, etcd.cert, etcd.key, etcd.password_file)


async def opened(settings: Settings, on_commit: Callable[[float], None]) -> EtcdStore:
    """Raises `BadConfig`, `StoreUnavailable`, `OSError` for a file that cannot be read."""
    try:
        from muster.storage.etcd.store import EtcdStore
    except ImportError as error:
        raise _needs_more(settings.store, error) from None
    return await EtcdStore.open(
        parse(settings.store),
        credentials(settings),
        on_commit=on_commit,
        warn=lambda words: log.warning("store", problem=words),
    )


def client(settings: Settings, location: Location) -> Client:
    """Of an etcd that nobody serves from here. Raises `BadConfig`, `OSError` for a file that cannot be read."""
    try:
        from muster.storage.etcd.client import Client
    except ImportError as error:
        raise _needs_more(str(location), error) from None
    return Client(location, credentials(settings))


def _needs_more(store: str, error: ImportError) -> BadConfig:
    return BadConfig("store", store, f"needs a package more ({error.name}): pip install 'musterd[etcd]'")
