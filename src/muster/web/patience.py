"""How long the other side of a connection may keep us waiting: to take an answer, to end a request, or to begin one."""

from __future__ import annotations

from muster.model import limits


class Patience:
    """Times are the listener's coarse seconds. `begun`: since when we wait for the end of a request, or of the connection; 0 for neither.
    `unsent`: how many bytes waited in the socket when it was last looked at, 0 while the socket takes what we write."""

    __slots__ = ("_stuck_since", "_touched", "begun", "unsent")

    def __init__(self, now: float) -> None:
        self._touched = self.begun = now
        self._stuck_since = 0.0
        self.unsent = 0

    def read(self, now: float) -> None:
        """A whole request came."""
        self._touched, self.begun = now, 0.0

    def stuck(self, unsent: int, now: float) -> None:
        """The socket is full."""
        self.unsent, self._stuck_since = unsent, now

    def over(self, now: float, *, unsent: int, idle: bool) -> bool:
        """`unsent`: what waits in the socket now; `idle`: nobody is being answered."""
        if self.unsent:
            if unsent < self.unsent:
                self.stuck(unsent, now)
            return now - self._stuck_since > limits.STREAM_STALLED_S
        if self.begun:
            return now - self.begun > limits.REQUEST_TIMEOUT_S
        return idle and now - self._touched > limits.IDLE_TIMEOUT_S
