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
