"""The command that makes a program read its file again: the operator's words, and nothing of any instance.

No shell reads it, and it is given no arguments beyond its own. What it writes goes to stderr.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
from contextlib import suppress
from typing import Final

from muster.model import limits

_WORDS_TO_STDERR: Final = ((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1))


class Failed(Exception):
    """The command could not be run, or did not do what it should."""


def split(text: str) -> tuple[str, ...]:
    """The words of a command line, as a shell would split it. Raises ValueError."""
    words = tuple(shlex.split(text))
    if not words:
        raise ValueError("is empty")
    return words


def run(
    words: tuple[str, ...],
    timeout: float = limits.RENDER_COMMAND_S,
    *,
    leaving: int | None = None,
    parting: float = limits.RENDER_PARTING_S,
) -> None:
    """Raises `Failed`. `leaving`: a descriptor that can be read from once we are asked to end; `parting` (s) are left then.

    Our own signals are blocked; the command is started with none blocked, in a process group of its own. Not in a session of its own,
    which Linux schedules as a group of its own too: on a busy machine some such commands began seconds late."""
    try:
        pid = os.posix_spawnp(
            words[0],
            words,
            os.environ,
            file_actions=_WORDS_TO_STDERR,
            setpgroup=0,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        raise Failed(error.strerror or str(error)) from None
    in_time = _ended(pid, timeout, leaving, parting)
    if not in_time:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if not in_time:
        raise Failed(f"not done in time ({timeout:g} s), and ended")
    if code:
        raise Failed(f"ended by signal {-code}" if code < 0 else f"exit {code}")


def _ended(pid: int, timeout: float, leaving: int | None, parting: float) -> bool:
    watched = os.pidfd_open(pid)
    try:
        asked = [watched] if leaving is None else [watched, leaving]
        readable, _, _ = select.select(asked, [], [], timeout)
        if readable and watched not in readable:
            readable, _, _ = select.select([watched], [], [], min(timeout, parting))
        return watched in readable
    finally:
        os.close(watched)
