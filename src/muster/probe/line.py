"""One connection to one address, and the conversation on it, over a bare non-blocking socket.

A transport per probe costs as much under uvloop and nearly twice as much under asyncio's own loop; it hides
which errno `connect` failed with, and lets the loop choose the address.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from muster.model import limits
from muster.model.check import Answer
from muster.probe.addresses import Address
from muster.probe.conversation import Conclusion, Conversation
from muster.probe.failures import after_connection, before_connection, before_sending

_READ_BYTES = 16 * 1024
_NON_BLOCKING = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class Line:
    """`over` is called once, with the conclusion, unless the line is closed before; possibly from within `open`.

    `sent`: a packet left. `connected`: somebody took the connection. `heard`: bytes received.
    """

    __slots__ = (
        "_address",
        "_conversation",
        "_fd",
        "_loop",
        "_over",
        "_socket",
        "connected",
        "heard",
        "sent",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: Address,
        conversation: Conversation,
        over: Callable[[Conclusion], None],
    ) -> None:
        self._loop = loop
        self._address = address
        self._conversation = conversation
        self._over = over
        self._socket: socket.socket | None = None
        self._fd = -1
        self.sent = False
        self.connected = False
        self.heard = 0

    def open(self) -> None:
        try:
            self._socket = socket.socket(self._address.family, _NON_BLOCKING)
            number = self._socket.connect_ex((self._address.ip, self._address.port))
        except OSError as error:
            number = error.errno or errno.EIO
        if self._socket is None or number not in (0, errno.EINPROGRESS):
            self._end(before_sending(number))
            return
        self.sent = True
        self._fd = self._socket.fileno()
        self._loop.add_writer(self._fd, self._on_connected, self._socket)

    def close(self) -> None:
        """Hang up. Idempotent; `over` is not called any more."""
        if self._socket is None:
            return
        if self._fd >= 0:
            self._loop.remove_reader(self._fd) if self.connected else self._loop.remove_writer(self._fd)
        self._socket.close()
        self._socket = None

    def _on_connected(self, sock: socket.socket) -> None:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not number and sock.getsockname()[:2] == (self._address.ip, self._address.port):
            # TCP's simultaneous open: the port we were given is the one we asked for, so we met ourselves.
            number = errno.ECONNREFUSED
        if number:
            self._end(before_connection(number))
            return
        self._loop.remove_writer(self._fd)
        self.connected = True
        self._say(sock, self._conversation.opening())
        if self._socket is not None:
            self._loop.add_reader(self._fd, self._on_readable, sock)

    def _on_readable(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(after_connection(error.errno or errno.EIO))
            return
        self.heard += len(data)
        if not data:
            self._end(self._conversation.hung_up())
        elif self.heard > limits.PROBE_WIRE_BYTES:
            self._end(Conclusion(Answer.FAILED, f"more than {limits.PROBE_WIRE_BYTES} bytes and no end"))
        else:
            self._say(sock, self._conversation.hear(data))

    def _say(self, sock: socket.socket, data: bytes) -> None:
        """Send, and end if there is a conclusion."""
        error = _send_all(sock, data) if data else 0
        if self._conversation.conclusion is not None:
            self._end(self._conversation.conclusion)
        elif error:
            self._end(after_connection(error))

    def _end(self, conclusion: Conclusion) -> None:
        self.close()
        self._over(conclusion)


def _send_all(sock: socket.socket, data: bytes) -> int:
    """0, or the errno. What we say fits an empty socket buffer; a full one is a peer's that asks and does not read."""
    try:
        return 0 if sock.send(data) == len(data) else errno.ENOBUFS
    except OSError as error:
        return error.errno or errno.EIO
