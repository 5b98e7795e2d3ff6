"""The Prober port: what the registry asks of whatever puts a question to an instance.

The core decides when to probe and what follows; a prober asks once and says what happened. It keeps no
thresholds, retries nothing and remembers nothing of an instance.

    target -> [one connection, one deadline] -> finding

A suspicion's quick confirming probes are plain `TcpTarget`s with a short timeout, started as `urgent`.
Implementations: `muster.probe.Probes`; `muster.testing.prober` has one that answers from a script.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

from muster.model.check import Answer


class Tls(Struct, frozen=True):
    """Speak TLS. `verify`: the certificate must be trusted and name `server_name`, or else the target's host."""

    verify: bool = True
    server_name: str | None = None


class TcpTarget(Struct, frozen=True, kw_only=True, tag="tcp"):
    """Passes when the connection (and with `tls`, the handshake) succeeds. `timeout` in seconds, for all together."""

    host: str
    port: int
    timeout: float
    tls: Tls | None = None


class HttpTarget(Struct, frozen=True, kw_only=True, tag="http"):
    """Passes when the status is in one of the inclusive ranges and `expect_body` occurs in the body's first 64 KiB.

    `path` and `headers` obey `muster.model.probe_rules`; one that does not is answered `failed` and nothing is sent.
    """

    host: str
    port: int
    timeout: float
    tls: Tls | None = None
    method: Literal["GET", "HEAD"] = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    expect_status: tuple[tuple[int, int], ...] = ((200, 299),)
    expect_body: str | None = None


class GrpcTarget(Struct, frozen=True, kw_only=True, tag="grpc"):
    """Passes when `grpc.health.v1.Health/Check` says SERVING for `service` ("" is the server as a whole)."""

    host: str
    port: int
    timeout: float
    tls: Tls | None = None
    service: str = ""


Target = TcpTarget | HttpTarget | GrpcTarget


class Finding(Struct, frozen=True):
    """What one probe found. `detail` is bounded printable text for people; `latency` in seconds, from the start of the
    attempt (name resolution included, waiting for a turn not)."""

    answer: Answer
    detail: str
    latency: float


class Running(Protocol):
    """A probe that was started."""

    def cancel(self) -> None:
        """Forget it: `done` will not be called. No-op when it is over."""
        ...


class Prober(Protocol):
    def start(self, target: Target, done: Callable[[Finding], None], *, urgent: bool = False) -> Running:
        """Ask, and call `done` once with the finding, on the loop, never before `start` returns.

        Never raises and never blocks; too many waiting probes are answered `unasked`.
        `urgent` ones (suspicions) do not queue behind the others and keep some room of their own.
        """
        ...

    async def probe(self, target: Target, *, urgent: bool = False) -> Finding:
        """The same, awaited. Cancelling the await cancels the probe."""
        ...
