"""When a draining program has served its last request: a rule over what the kernel says of its connections.

A keep-alive connection stays open long after its last answer, so "no connection" would be too much to wait for. A connection
is busy while bytes wait in it, or while an answer is owed: the last bytes came in, and nothing has gone out since. The
program is idle when for IDLE_S no connection was busy and no byte moved. Whoever speaks last without wanting an
answer looks busy, so everything here ends at the wrapper's limit.

Where the kernel does not tell times, any open connection counts as busy; where it tells nothing, IDLE_S must do.
"""

from __future__ import annotations

from collections.abc import Sequence

from .connections import Connection

IDLE_S = 0.5
LOOK_EVERY_S = 0.05


class Idleness:
    """What the looks so far amount to. `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._since = now
        """Since when nothing has happened, as far as is known."""

    def __repr__(self) -> str:
        return f"<Idleness since={self._since:.3f}>"

    def look(self, connections: Sequence[Connection] | None, now: float) -> float:
        """Take one look into account; the time at which the program counts as idle if nothing else happens."""
        last_moves = [now - quiet_for(each) for each in connections or ()]
        self._since = max(self._since, *last_moves) if last_moves else self._since
        return self._since + IDLE_S


def quiet_for(connection: Connection) -> float:
    """Seconds for which nothing happened and nobody waits; 0 for a busy one."""
    came, went = connection.received_ago, connection.sent_ago
    if connection.queued or came is None or went is None:
        return 0.0
    owed = came < went or (connection.received > 0 and connection.sent == 0)
    return 0.0 if owed else min(came, went)
