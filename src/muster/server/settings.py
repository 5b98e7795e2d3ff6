"""What an operator can set: one frozen value, read once at the start and passed down.

The fields below are the whole list. A key is a field's path (`tls.cert`); its flag (`--tls-cert`), its environment variable
(`MUSTER_TLS_CERT`) and its place in the file (`cert` under `[tls]`) follow from it, and so does what `muster config` prints.
Secrets are only ever named by the file that holds them: a token in the environment shows in every crash report.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from muster.model import limits


class Address(NamedTuple):
    """Where to listen. Port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it. A name other than `localhost` may resolve to anything, so it counts as reachable."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Seconds(float):
    """A duration; written as `90`, `"90s"` or `"24h"`."""


class StoreName(str):
    """Where records live: `sqlite`, `memory`, or `etcd://HOST,HOST,HOST/PREFIX`."""

    __slots__ = ()


class Tls(Struct, frozen=True):
    cert: Annotated[Path | None, "certificate chain, PEM; read again when it changes"] = None
    key: Annotated[Path | None, "private key of the certificate, PEM"] = None


class Log(Struct, frozen=True):
    level: Annotated[Literal["debug", "info", "warning", "error"], "the least that is logged"] = "info"
    format: Annotated[
        Literal["auto", "console", "json"], "JSON lines, or text for people; auto: text on a terminal"
    ] = "auto"


class Guard(Struct, frozen=True):
    ratio: Annotated[float, Meta(gt=0, lt=1), "share of a zone that must be silent before it is held"] = (
        limits.GUARD_RATIO
    )
    window: Annotated[Seconds, "how long a hold outlives its reason"] = Seconds(limits.GUARD_CLEAR_S)


class Etcd(Struct, frozen=True):
    """`etcds://` in the store's URL asks for TLS, `USER@` before its hosts for a user."""

    ca: Annotated[Path | None, "certificates that etcd's must be signed by, PEM; without, the system's"] = (
        None
    )
    cert: Annotated[Path | None, "certificate to show to etcd, PEM"] = None
    key: Annotated[Path | None, "private key of that certificate, PEM"] = None
    password_file: Annotated[Path | None, "file with the password of the URL's user"] = None


class Consul(Struct, frozen=True):
    datacenter: Annotated[str, "the datacenter that Consul's clients are told they are in"] = "dc1"
    node: Annotated[str, "name of this registry's own node for them; empty: the host name"] = ""
    address: Annotated[str, "where that node is reached; empty: the address it listens on"] = ""


class Replica(Struct, frozen=True):
    name: Annotated[str | None, "this replica among those of its store; its address if not given"] = None
    url: Annotated[str | None, "where the other replicas reach this one; what it listens on if not given"] = (
        None
    )
    secret_file: Annotated[Path | None, "file with the secret that all replicas of a store share"] = None
    ca: Annotated[Path | None, "certificates that the other replicas' must be signed by, PEM"] = None


class Settings(Struct, frozen=True):
    listen: Annotated[Address, "address and port of the HTTP API"] = Address("127.0.0.1", 8500)
    data: Annotated[Path, "directory of the database"] = Path("muster-data")
    store: Annotated[
        StoreName,
        "where records live: sqlite, memory (forgets them at exit), or etcd://HOST,HOST/PREFIX, which several registries share",
    ] = StoreName("sqlite")
    tokens_file: Annotated[
        Path | None, "file of tokens that may write, one a line; read again when it changes"
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...], "host names this registry answers to, besides loopback and the address it listens on"
    ] = ()
    insecure: Annotated[bool, "listen beyond loopback without TLS or without tokens"] = False
    dns: Annotated[
        Address | None, "address and port of the name server, UDP and TCP; none unless it is set"
    ] = None
    dns_ttl: Annotated[Seconds, "how long a resolver may keep an answer: whole seconds, 5s at most"] = (
        Seconds(limits.DNS_TTL_S)
    )
    dns_domain: Annotated[str, "domain of our own names"] = "muster.internal"
    dns_consul_domain: Annotated[str, "domain of Consul's names"] = "consul"
    dns_cluster_domain: Annotated[str, "domain of Kubernetes' names"] = "cluster.local"
    dotted_names: Annotated[bool, "allow dots in service names; they collide with DNS"] = False
    expired_retention: Annotated[Seconds, "how long an expired instance can still be revived"] = Seconds(
        limits.EXPIRED_RETENTION_S
    )
    stop_within: Annotated[Seconds, "a graceful stop ends by force after this"] = Seconds(limits.SHUTDOWN_S)
    tls: Tls = Tls()
    log: Log = Log()
    guard: Guard = Guard()
    etcd: Etcd = Etcd()
    replica: Replica = Replica()
    consul: Consul = Consul()

    @property
    def shares_store(self) -> bool:
        """Whether other registries may use its store at the same time."""
        return "://" in self.store
