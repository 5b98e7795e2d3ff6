"""The shared store: etcd, for several registries at once."""

from muster.storage.etcd.location import Credentials, Location, parse
from muster.storage.etcd.store import EtcdStore

__all__ = ["Credentials", "EtcdStore", "Location", "parse"]
