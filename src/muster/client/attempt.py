"""One call of one endpoint, from its start to its end: what the next picks learn from.

endpoint = discovery.pick("inventory")
with endpoint.attempt() as attempt:
    answer = call(f"http://{endpoint.address}/")      # an exception says that it failed, and how
    attempt.answered(answer.status)                   # so does a status of 500 and more
"""

from __future__ import annotations

import errno
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from muster.policy.outcome import Outcome, of_status

if TYPE_CHECKING:
    from .endpoint import Endpoint

_CAUSES: Final = 8
"""How far down an exception's causes one is looked for that says what happened on the network."""

_UNREACHABLE: Final = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
)


class Attempt:
    """A context manager; or call `finish`, whatever becomes of the call. Finishing twice is once."""

    __slots__ = ("_over", "endpoint", "outcome", "started")

    def __init__(self, endpoint: Endpoint) -> None:
        traffic, peer = endpoint.traffic, endpoint.peer
        if traffic is None or peer is None:
            raise ValueError(f"{endpoint!r} was not picked: there is nothing to learn for")
        traffic.start(endpoint, peer)
        self.endpoint = endpoint
        self.started = traffic.clock()
        self.outcome: Outcome | None = None
        self._over = False

    def __repr__(self) -> str:
        return f"<Attempt of {self.endpoint}, {self.outcome or 'under way'}>"

    @property
    def late(self) -> bool:
        """The instance left, or was asked to, between the pick and the beginning of this: whoever waits for the last of its requests
        may not wait for this one, so pick again."""
        peer = self.endpoint.peer
        return peer is not None and peer.gone

    def answered(self, status: int) -> None:
        """With this HTTP status: 5xx is the instance's failure, everything else is none."""
        self.outcome = of_status(status)

    def finish(self, outcome: Outcome = Outcome.SUCCESS) -> None:
        if self._over:
            return
        self._over, self.outcome = True, outcome
        traffic, peer = self.endpoint.traffic, self.endpoint.peer
        assert traffic is not None
        assert peer is not None
        traffic.finish(self.endpoint, peer, outcome, self.started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        told = self.outcome or Outcome.SUCCESS
        self.finish(told if error is None else self.outcome or of_exception(error))


def of_exception(error: BaseException) -> Outcome:
    """What an exception says of the instance: its first cause that is the network's counts. One without such a cause, and one
    that ends the task or the program, says nothing."""
    cause: BaseException | None = error
    for _ in range(_CAUSES):
        if cause is None or not isinstance(cause, Exception):
            break
        if (outcome := _of_network(cause)) is not None:
            return outcome
        cause = cause.__cause__ or cause.__context__
    return Outcome.CANCELLED


def _of_network(error: Exception) -> Outcome | None:
    match error:
        case TimeoutError():
            return Outcome.TIMEOUT
        case OSError(errno=number) if number in _UNREACHABLE or _unnamed(error):
            return Outcome.CONNECT
        case ConnectionError() | EOFError():
            return Outcome.RESET
        case _:
            return None


def _unnamed(error: Exception) -> bool:
    """No address for the name. By the class's name, for `socket` is not needed for anything else here."""
    return type(error).__name__ in ("gaierror", "herror")
