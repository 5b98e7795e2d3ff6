"""A zone: a domain we are the authority for, with a grammar of its own."""

from __future__ import annotations

from typing import Protocol

from muster.core.state import ServiceKey

from .ask import Ask
from .names import Address


class Zone(Protocol):
    """`labels` and `origin` are its domain, as text and on the wire. `nameserver` is what its NS record names.

    `empty_exists`: whether a service without an instance that can be used still has a name, without records (NODATA). Consul
    and Kubernetes say that it does not exist (NXDOMAIN); in our own domain the two differ.
    """

    labels: tuple[str, ...]
    origin: bytes
    nameserver: bytes
    empty_exists: bool

    def ask(self, labels: tuple[str, ...]) -> Ask:
        """What the name asks for. `labels` are those before the domain, in lower case."""

    def target(self, service: ServiceKey, label: str, address: Address) -> bytes:
        """The name on the wire by which an SRV record names an instance at `address`; `label` is that of the instance."""
