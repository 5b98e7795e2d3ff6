"""Backups over HTTP: the store's failures as the API tells them."""

from __future__ import annotations

from pathlib import Path

from muster.model.errors import Unavailable
from muster.storage.sqlite import BackupFailed, SqliteStore


class Backups:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def backup(self, destination: Path) -> None:
        """Raises `Unavailable`."""
        try:
            await self._store.backup(destination)
        except BackupFailed as failed:
            raise Unavailable("store_unavailable", str(failed)) from None
