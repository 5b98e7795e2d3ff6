"""Where one request can go, and a request on its way there: what the next picks learn from.

    endpoint = discovery.pick("inventory")
    with endpoint.attempt() as attempt:
        answer = call(f"http://{endpoint.address}/")      # an exception says that it failed, and how
        attempt.answered(answer.status)                   # so does a status of 500 and more

Whoever traces attempts (`tracing.py`) is told of the same two moments.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from msgspec import Struct

from muster.policy.outcome import Outcome, of_status
from muster.wire.view import InstanceView

from . import tracing
from .causes import of_exception
from .tracing import Span, Tracing

if TYPE_CHECKING:
    from muster.policy.memory import Memory, Peer


class Ledger(Protocol):
    """Where the calls of an endpoint are written down: the traffic that it was picked from (`traffic.py`)."""

    memory: Memory
    tracing: Tracing | None

    def start(self, endpoint: Endpoint, peer: Peer) -> float:
        """An attempt begins. Returns when (s, monotonic)."""

    def finish(self, endpoint: Endpoint, peer: Peer, outcome: Outcome, started: float) -> None:
        """It is over."""


class Endpoint(Struct, frozen=True, gc=False):
    """An address that may receive traffic, and the instance behind it. `peer` and `ledger`, of one that was picked: what this
    process knows of it, and where its calls are written down."""

    host: str
    port: int
    instance: InstanceView
    peer: Peer | None = None
    ledger: Ledger | None = None

    @property
    def id(self) -> str:
        return self.instance.instance_id

    @property
    def address(self) -> str:
        """`host:port`, as it stands in a URL: an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def attempt(self, *, resent: int = 0) -> Attempt:
        """A call of it begins: until it is over the instance counts as busy with it, and how it ends decides who is picked next.
        `resent`: how many attempts the same request had before. Raises ValueError if it was not picked."""
        return Attempt(self, resent)

    def __hash__(self) -> int:
        return hash((self.host, self.port, self.id))

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"<Endpoint {self.instance.service}/{self.id} {self.address}>"


class Attempt:
    """A context manager; or call `finish`, whatever becomes of the call. Finishing twice is once; one that nobody finishes is over when it
    is collected, and says nothing. `span`: as whoever traces it has it, the current one while the block lasts; `status`: of HTTP, once
    it is known."""

    __slots__ = ("_current", "_ledger", "_over", "_peer", "endpoint", "outcome", "span", "started", "status")

    def __init__(self, endpoint: Endpoint, resent: int = 0) -> None:
        self._over = True
        ledger, peer = endpoint.ledger, endpoint.peer
        if ledger is None or peer is None:
            raise ValueError(f"{endpoint!r} was not picked: there is nothing to learn for")
        self._ledger = ledger
        self._peer = peer
        self._current: AbstractContextManager[object] | None = None
        self.endpoint = endpoint
        self.outcome: Outcome | None = None
        self.status: int | None = None
        self.started = ledger.start(endpoint, peer)
        self._over = False
        self.span: Span | None = None
        if ledger.tracing is not None:
            self.span = tracing.begin(ledger.tracing, endpoint, resent)

    def __del__(self) -> None:
        if not self._over:
            self.finish(Outcome.CANCELLED)

    def __repr__(self) -> str:
        return f"<Attempt of {self.endpoint}, {self.outcome or 'under way'}>"

    @property
    def late(self) -> bool:
        """The instance left, or was asked to, between the pick and the beginning of this: whoever waits for the last of its requests
        may not wait for this one, so pick again."""
        return self._peer.gone

    @property
    def headers(self) -> dict[str, str]:
        """What the request should carry, so that what the instance traces is below this attempt. Empty if nobody traces."""
        return tracing.headers(self.span)

    def answered(self, status: int) -> None:
        """With this HTTP status: 5xx is the instance's failure, everything else is none."""
        self.status, self.outcome = status, of_status(status)

    def finish(self, outcome: Outcome = Outcome.SUCCESS) -> None:
        if not self._over:
            self._over, self.outcome = True, outcome
            self._ledger.finish(self.endpoint, self._peer, outcome, self.started)
            if self.span is not None:
                tracing.end(self.span, outcome, self.status)

    def __enter__(self) -> Self:
        if self.span is not None:
            self._current = self.span.current()
            self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._current is not None:
                self._current.__exit__(kind, error, trace)
        finally:
            self.finish(self._ended(error))

    def _ended(self, error: BaseException | None) -> Outcome:
        """What the network did to a good answer counts more than how it began. A bad one is bad, whatever the caller makes of it."""
        if error is None:
            return self.outcome or Outcome.SUCCESS
        broken = of_exception(error)
        if self.outcome is None or (self.outcome is Outcome.SUCCESS and broken is not Outcome.CANCELLED):
            return broken
        return self.outcome


def begun(pick: Callable[[], Endpoint], resent: int = 0) -> Attempt:
    """A call of whoever is picked; of another one, if it was too late for that one. Raises what `pick` raises."""
    attempt = Attempt(pick(), resent)
    if attempt.late:
        attempt.finish(Outcome.CANCELLED)
        attempt = Attempt(pick(), resent)
    return attempt


def of(instance: InstanceView) -> Endpoint:
    return Endpoint(instance.host, instance.port, instance)
