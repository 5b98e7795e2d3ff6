"""What a check is: a probe's definition, written at registration, and the health that follows from its results.

check -> result -> health: the registry runs the check (or the instance pushes results of its own, kind `ttl`), each result
is one outcome, and `fall` bad or `rise` good ones in a row change the health.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from . import limits

Kind = Literal["http", "tcp", "grpc", "ttl"]
Health = Literal["unknown", "passing", "warning", "failing"]
Result = Literal["pass", "warn", "fail"]

HEALTH_OF: dict[Result, Health] = {"pass": "passing", "warn": "warning", "fail": "failing"}


class Answer(StrEnum):
    """What one probe learned. Only `refused`, `failed`, `warned` and `answered` prove anything about the instance."""

    ANSWERED = "answered"
    """As it should."""
    WARNED = "warned"
    """HTTP 429: it lives, and is too busy to say more (Consul's rule)."""
    FAILED = "failed"
    """It answered, but not as it should; or the target is one that is never probed."""
    REFUSED = "refused"
    """Something at that address said that nobody listens."""
    SILENT = "silent"
    """Nothing came back: no route, no name, no byte in time. Says that we did not see it, not that it is gone."""
    UNASKED = "unasked"
    """We could not ask: too many probes, no descriptors, no local port, shutting down. Says nothing at all."""


class Check(Struct, frozen=True, gc=False, omit_defaults=True):
    """One check of an instance, against the instance's own host unless `host` names another, whose answers then say nothing of
    the instance's reach.

    `port` 0 means the first endpoint's. Times are seconds. `statuses` are inclusive ranges of HTTP statuses that pass;
    `body` must occur in the first 64 KiB of the answer. `ttl` is for kind `ttl` alone: a result must arrive that often, 0 for
    one that stands until the next. `warn` bad results in a row make a warning before `fall` of them make it failing; 0: they do
    not. `initial` is the health it begins with; None: what follows from its kind. `title` and `notes` are for people.
    """

    name: str
    kind: Kind
    port: int = 0
    path: str = "/"
    method: Literal["GET", "HEAD"] = "GET"
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    grpc_service: str = ""
    tls: bool = False
    tls_verify: bool = True
    tls_server_name: str = ""
    interval: float = limits.CHECK_INTERVAL_S
    timeout: float = limits.CHECK_TIMEOUT_S
    fall: int = limits.CHECK_FALL
    rise: int = limits.CHECK_RISE
    warn: int = 0
    ttl: float = limits.LEASE_TTL_S
    host: str = ""
    initial: Health | None = None
    title: str = ""
    notes: str = ""

    @property
    def lapses(self) -> bool:
        """Whether silence makes it fail: a TTL check with a TTL."""
        return self.kind == "ttl" and self.ttl > 0

    @property
    def active(self) -> bool:
        """True if the registry probes; False if the instance pushes."""
        return self.kind != "ttl"
