"""When a draining program has served its last request: a rule over what the kernel says of its connections.

A keep-alive connection stays open long after its last answer, so "no connection" would be too much to wait for. A connection is

    busy        bytes wait in it, or the last bytes came in and nothing has gone out since: an answer is owed
    answered    the last bytes went out
    doubtful    the last bytes came and went within one tick of the kernel's clock: a question may be the last of them

An acknowledgement that came later than both settles a doubt: who asks acknowledges with the question, who was answered a little
later. The program is idle when no connection has been busy, nor any byte moved, for IDLE_S, and for DOUBT_S where there is
doubt. Whoever speaks last without wanting an answer looks busy, so everything here ends at the limit of whoever waits.

A look that comes late shows a machine that is too busy: callers on it may not have come to run either. So the time that a look was
late counts for nothing.

Where the kernel does not tell times, any open connection counts as busy; where it tells nothing, IDLE_S must do.
"""

from __future__ import annotations

from collections.abc import Sequence

from .connections import Connection

IDLE_S = 0.5
DOUBT_S = 2.0
"""Callers that ask again at once, near by, are doubtful whenever they wait: they get this long for an answer."""
LOOK_EVERY_S = 0.05
LATE_S = 2 * LOOK_EVERY_S
"""A look that comes no later than this was not held up."""


class Idleness:
    """What the looks so far amount to. `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._idle_at = now + IDLE_S
        self._looked_at = now

    def __repr__(self) -> str:
        return f"<Idleness at={self._idle_at:.3f}>"

    def look(self, connections: Sequence[Connection] | None, now: float) -> float:
        """Take one look into account; the time at which the program counts as idle if nothing else happens. Look every
        LOOK_EVERY_S, or earlier."""
        self._idle_at += max(0.0, now - self._looked_at - LATE_S)
        self._looked_at = now
        for each in connections or ():
            self._idle_at = max(self._idle_at, now + patience(each))
        return self._idle_at


def patience(connection: Connection) -> float:
    """How much longer to wait because of it, in seconds; below 0 if it has been quiet for longer than needed."""
    came, went = connection.received_ago, connection.sent_ago
    if connection.queued or came is None or went is None:
        return IDLE_S
    if came < went or (connection.received > 0 and connection.sent == 0):
        return IDLE_S
    return (DOUBT_S if _doubtful(connection) else IDLE_S) - went


def _doubtful(connection: Connection) -> bool:
    return connection.received > 0 and connection.received_ago == connection.sent_ago == connection.acked_ago
