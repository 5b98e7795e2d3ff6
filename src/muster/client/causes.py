"""What an exception says of the instance that was called: nothing, or what went wrong on the way there."""

from __future__ import annotations

import errno
from typing import Final

from muster.policy.outcome import Outcome

_CAUSES: Final = 8
"""How far down an exception's causes one is looked for that says what happened on the network."""

_UNREACHABLE: Final = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
)

_UNCONNECTED: Final = frozenset({"gaierror", "herror", "SSLCertVerificationError"})
"""No address for the name, or nobody whom we trust there. By the classes' names: `socket` and `ssl` are needed for nothing else here."""
_BROKEN: Final = frozenset({"SSLError", "SSLEOFError", "SSLZeroReturnError", "SSLSyscallError"})
"""TLS failed, in its handshake or later: nobody can tell whether the request was seen."""


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
        case OSError(errno=number) if number in _UNREACHABLE or type(error).__name__ in _UNCONNECTED:
            return Outcome.CONNECT
        case ConnectionError() | EOFError():
            return Outcome.RESET
        case _:
            return Outcome.RESET if type(error).__name__ in _BROKEN else None
