"""The bodies of requests and answers that are not the model's own, for the handlers and for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from muster.model.check import Health
from muster.observe.history import HistoryLine
from muster.wire.registration import Scalar
from muster.wire.view import InstanceView


class Heartbeat(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`generation` 0 renews whatever is current."""

    instance_id: str
    generation: int = 0
    owner_secret: str = ""


class Heartbeats(Struct, frozen=True, forbid_unknown_fields=True):
    heartbeats: list[Heartbeat]


class Refusal(Struct, frozen=True):
    instance_id: str
    code: str


class Renewed(Struct, frozen=True):
    """`refused` lists those that were not renewed, with the code a single heartbeat would have got."""

    renewed: int
    refused: list[Refusal]


class Amendment(Struct, frozen=True, forbid_unknown_fields=True):
    """What is given is changed; `metadata` and `tags` are replaced whole."""

    weight: int | None = None
    metadata: dict[str, Scalar] | None = None
    tags: list[str] | None = None
    ready: bool | None = None
    override: Literal["", "out_of_service"] | None = None


class Suspect(Struct, frozen=True, forbid_unknown_fields=True):
    generation: int = 0
    reason: str = ""


class Accepted(Struct, frozen=True):
    accepted: bool = True


class CheckResult(Struct, frozen=True, forbid_unknown_fields=True):
    """`check` may be left out where the instance has one ttl check."""

    result: Literal["pass", "warn", "fail"]
    check: str = ""
    output: str = ""
    generation: int = 0


class HealthNow(Struct, frozen=True):
    health: Health


class Acks(Struct, frozen=True, forbid_unknown_fields=True):
    """`services`: the revision applied, by service name."""

    subscriber: str
    services: dict[str, int]


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """`zone` left out: the registry's own hold."""

    zone: str | None = None


class LeaseDetail(Struct, frozen=True):
    """Seconds. `remaining` until the lease lapses, unless renewed or held by the guard."""

    ttl: float
    interval: float
    remaining: float
    phase: str


class CheckDetail(Struct, frozen=True):
    """`age`: seconds since the last result; null before the first. `damped`: kept failing because it flapped."""

    name: str
    kind: str
    health: Health
    result: str | None
    output: str
    age: float | None
    damped: bool


class FactsDetail(Struct, frozen=True):
    """The facts the status follows from. Times are wall-clock ms, 0 for never."""

    expired_at: int
    draining: bool
    override: str
    override_reason: str
    unreachable: bool
    ready: bool | None
    health: Health
    failing_since: int


class InstanceDetail(InstanceView, frozen=True, kw_only=True):
    """What callers see of one instance, and everything else that is known of it. `reason` says why its status is what it is;
    `suspicion` that it is being probed."""

    reason: str
    discoverable: bool
    held: bool
    incarnation: str
    changed_at: int
    guarded: bool
    lease: LeaseDetail | None
    facts: FactsDetail
    checks: list[CheckDetail]
    session: bool
    suspicion: str | None
    reached: bool


class Lag(Struct, frozen=True):
    """Lateness of the event loop over the last minute (ms)."""

    p50: float
    p99: float
    max: float


class Status(Struct, frozen=True):
    """`store_trouble`: why the store would not have the last write, or would not have one of this replica now; empty if all is well."""

    version: str
    ready: bool
    epoch: str
    revision: int
    settled: bool
    uptime_s: float
    instances: int
    services: int
    leases: int
    watchers: int
    sessions: int
    connections: int
    suspicions: int
    commands_waiting: int
    held_zones: list[str]
    loop_lag_ms: Lag
    store: str
    store_trouble: str


class Explanation(Struct, frozen=True):
    """Why a caller does or does not get an instance. `because` is a list of plain sentences, the decisive one first."""

    service: str
    instance_id: str
    discoverable: bool
    status: str
    because: list[str]
    revision: int
    changed_at: int
    age_s: int


class HistoryPage(Struct, frozen=True):
    """The latest first. Kept in memory: it begins when the registry did."""

    changes: list[HistoryLine]


class ServicePolicy(Struct, frozen=True):
    """`revision` is that of the policy's last write, and its ETag. `policy` is the document, as short as it can be said."""

    service: str
    namespace: str
    revision: int
    policy: msgspec.Raw


class Alive(Struct, frozen=True):
    status: str


class Ready(Struct, frozen=True):
    """Reads are served also while the store cannot write; `store_trouble` then says why it cannot."""

    status: str
    store_trouble: str
