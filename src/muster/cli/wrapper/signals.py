"""Signals as events. All of them are blocked in every thread, and one thread waits for them: nothing is interrupted anywhere.

Blocked signals also reach a process that is PID 1, to which the kernel otherwise does not deliver what it has no handler for.
"""

from __future__ import annotations

import signal
import threading
from signal import Signals
from typing import Final

from .child import Child
from .events import Event, Events, Exited, PassOn, Pause, StopAsked

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
"""QUIT is some servers' graceful stop: images of nginx name it as theirs."""
PASSED_ON: Final = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH})
TAKEN: Final = STOPPING | PASSED_ON | {signal.SIGCHLD, signal.SIGTSTP}

SI_KERNEL: Final = 0x80
"""`si_code` of a signal that nobody sent: the terminal did, to its whole foreground group. See sigaction(2)."""


def block() -> tuple[frozenset[Signals], set[Signals]]:
    """Block what we take, before the first thread starts: (what we take, the mask as it was).

    What was ignored when we were started stays ignored, for us and for the program: `nohup muster run` survives a hang-up.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, children would be reaped behind our back
    taken = frozenset(each for each in TAKEN if signal.getsignal(each) != signal.SIG_IGN)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, taken)
    return taken, {each for each in before if isinstance(each, Signals)}


def listen(taken: frozenset[Signals], child: Child, events: Events) -> None:
    """Turn signals into events for as long as the process lives."""

    def wait() -> None:
        while True:
            received = signal.sigwaitinfo(taken)
            if received.si_signo == signal.SIGCHLD:
                code = child.reap()
                if code is not None:
                    events.put(Exited(code))
            else:
                events.put(meaning(received.si_signo, terminal=received.si_code == SI_KERNEL))

    threading.Thread(target=wait, name="muster-signals", daemon=True).start()


def meaning(signum: int, *, terminal: bool) -> Event:
    if signum == signal.SIGTSTP:
        return Pause()
    return StopAsked(signum, terminal) if signum in STOPPING else PassOn(signum, terminal)
