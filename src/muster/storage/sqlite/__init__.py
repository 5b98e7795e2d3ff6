"""The embedded store: one SQLite file, one connection, one writer thread."""

from muster.storage.sqlite.backup import Backup
from muster.storage.sqlite.failures import BackupFailed, StoreRefused
from muster.storage.sqlite.file import FILE_NAME
from muster.storage.sqlite.restore import Restored, restore
from muster.storage.sqlite.store import SqliteStore

__all__ = ["FILE_NAME", "Backup", "BackupFailed", "Restored", "SqliteStore", "StoreRefused", "restore"]
