"""The wrapped program as a process: start it, signal it, know how it ended.

It gets a session of its own. A ^C at the terminal then reaches us alone, so that it can wait for the drain; and unlike a mere
background process group, a session without a terminal may still read from the one it inherited. stdin, stdout and stderr
are the program's own. It is not tied to our life (no PR_SET_PDEATHSIG): if only we are killed, it goes on serving.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping, Sequence

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores them for itself, and what is ignored stays ignored over exec."""


class Child:
    """A running program. The lock keeps a signal from reaching a process that took over a reaped one's id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._alive = True
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Child {self.pid} {'running' if self._alive else 'over'}>"

    def signal(self, signum: int, *, group: bool = False) -> bool:
        """Send it to the program, or to everybody in its group. False if there is nobody left."""
        with self._lock:
            if not self._alive:
                return False
            (os.killpg if group else os.kill)(self.pid, signum)
            return True

    def reap(self) -> int | None:
        """Collect every process that ended, orphans we inherited as PID 1 too. The program's exit code, if it is among them."""
        code = None
        with self._lock:
            while ended := _ended():
                pid, status = ended
                if pid == self.pid:
                    self._alive = False
                    code = os.waitstatus_to_exitcode(status)
        return code


def _ended() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def start(command: Sequence[str], environ: Mapping[str, str], mask: set[signal.Signals]) -> Child:
    """Run `command` (looked up in PATH) with the signal mask `mask`. Raises OSError: not found, not executable.

    posix_spawn reports a failed exec, sets the mask back without Python code between fork and exec, and costs no copy
    of our memory.
    """
    pid = os.posix_spawnp(
        command[0],
        list(command),
        dict(environ),
        setsid=True,
        setsigmask=mask,
        setsigdef=_IGNORED_BY_PYTHON,
    )
    return Child(pid)


def exit_code(code: int) -> int:
    """As a shell gives it: the program's own, or 128 + n when signal n ended it."""
    return code if code >= 0 else 128 - code
