"""Whether a port answers: before that, nobody should be sent to it."""

from __future__ import annotations

import socket

TRY_EVERY_S = 0.05
"""Nothing listens yet: on loopback and in a container's own network that is said at once, and costs nothing to ask again."""
TRY_TIMEOUT_S = 1.0
STILL_WAITING_S = 10.0
"""A port that has not answered for this long is worth a line."""


def answers(host: str, port: int, timeout: float = TRY_TIMEOUT_S) -> bool:
    """Whether somebody listens there. A name that does not resolve (yet) is a no."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return False
    return True
