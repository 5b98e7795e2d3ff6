"""The store that several registries share, opened by its settings; its packages are not part of a plain server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from muster.server.config import BadConfig
from muster.server.settings import Settings
from muster.storage.etcd.location import Credentials, parse

if TYPE_CHECKING:
    from muster.storage.etcd.store import EtcdStore

log = structlog.get_logger("muster")


async def opened(settings: Settings, on_commit: Callable[[float], None]) -> EtcdStore:
    """Raises `BadConfig`, `StoreUnavailable`, `OSError` for a file that cannot be read."""
    try:
        from muster.storage.etcd.store import EtcdStore
    except ImportError as error:
        raise BadConfig(
            "store", str(settings.store), f"needs a package more ({error.name}): pip install 'musterd[etcd]'"
        ) from None
    etcd = settings.etcd
    credentials = Credentials(etcd.ca, etcd.cert, etcd.key, etcd.password_file)
    return await EtcdStore.open(
        parse(settings.store),
        credentials,
        on_commit=on_commit,
        warn=lambda words: log.warning("store", problem=words),
    )
