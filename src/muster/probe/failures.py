"""What an error of the operating system says about the instance.

What went wrong before a packet left is ours; before the connection stands, the network's word is judged; after
that the instance has answered, if only by taking the connection, so whatever breaks then is its failure.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from muster.model.check import Answer
from muster.probe.conversation import Conclusion

_REFUSED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE})
"""A reset, or an ICMP port unreachable, in answer to our SYN."""
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


def before_sending(number: int) -> Conclusion:
    """The errno of making the socket, or of `connect` itself: descriptors, local ports, permissions, routes."""
    if number in _REFUSED or number in _NO_ROUTE:
        return before_connection(number)
    return Conclusion(Answer.UNASKED, f"could not ask: {os.strerror(number).lower()}")


def before_connection(number: int) -> Conclusion:
    """The errno that came in place of a connection."""
    if number in _REFUSED:
        return Conclusion(Answer.REFUSED, "connection refused")
    return Conclusion(Answer.SILENT, os.strerror(number).lower())


def after_connection(number: int) -> Conclusion:
    return Conclusion(Answer.FAILED, f"connected, then: {os.strerror(number).lower()}")
