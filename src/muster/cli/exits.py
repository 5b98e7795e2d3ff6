"""Every exit code of `muster`, in one table, and which one each refusal of the registry becomes.

`muster run` is an exception: once the child has started, its exit code is the child's (128 + n if signal n ended it). So is
`muster policy diff`, which keeps to diff(1) in what 1 means, because scripts do.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from muster.model.errors import CODES


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    UNKNOWN = 5
    NOBODY = 6
    UNAVAILABLE = 7
    UNSAFE = 8
    DENIED = 9
    FILE = 10
    DIFFERENT = 11
    CANNOT_EXECUTE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANING: Final[dict[Exit, str]] = {
    Exit.OK: "done",
    Exit.FAILED: "policy diff: there are differences; serve: no start, or no stop in time, see its log; elsewhere a bug, with its trace",
    Exit.USAGE: "the command line or the configuration is wrong; nothing was done",
    Exit.UNREACHABLE: "no registry answered; the state of what was asked is not known",
    Exit.REFUSED: "the registry refused the request; asking again the same way is refused again",
    Exit.UNKNOWN: "no such service, instance or check",
    Exit.NOBODY: "the service is known, but no instance of it can take a request now",
    Exit.UNAVAILABLE: "the registry answered, but cannot do this now; try again",
    Exit.UNSAFE: "drained, but not every reader had acknowledged it when the wait ended",
    Exit.DENIED: "a token or an owner secret is needed, or is not the right one",
    Exit.FILE: "a file could not be read or written, or is not what it should be",
    Exit.DIFFERENT: "follow --compare: the two views differ",
    Exit.CANNOT_EXECUTE: "run: the command is there but cannot be executed",
    Exit.NOT_FOUND: "run: there is no such command",
    Exit.INTERRUPTED: "interrupted with ^C",
    Exit.BROKEN_PIPE: "whoever read the output has closed it",
}
"""code -> what it means. Codes are never given a second meaning."""

_OF_STATUS: Final[dict[int, Exit]] = {
    401: Exit.DENIED,
    403: Exit.DENIED,
    404: Exit.UNKNOWN,
    500: Exit.FAILED,
    503: Exit.UNAVAILABLE,
}


def of_problem(code: str, status: int = 0) -> Exit:
    """The exit code for a problem of the registry. `status`: its HTTP status, for codes newer than this program."""
    return _OF_STATUS.get(CODES[code][0] if code in CODES else status, Exit.REFUSED)
