"""What a fork leaves of a background thread: nothing. In the child, whoever had one is told so.

Threads do not survive a fork, locks survive in whatever state they were in, and descriptors are shared with the parent: a child
that kept a connection open would keep its parent's session alive when the parent is gone. A thread may be connecting at the moment of
the fork, so connections are known here before they are made.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl


class Forkable(Protocol):
    def forked(self) -> None:
        """In the child, before anything else runs: renew locks, drop descriptors, forget the thread. Must not block."""


@cache
def _known() -> weakref.WeakSet[Forkable]:
    """Registered with the interpreter when first needed, so that an import registers nothing."""
    known: weakref.WeakSet[Forkable] = weakref.WeakSet()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _tell(known))
    return known


class _Sockets:
    """The connections of this process. No fork comes between making one and knowing it."""

    def __init__(self) -> None:
        self._known: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal's handler may fork
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._let_go
            )

    def made(self, family: int, kind: int, protocol: int) -> socket.socket:
        with self._lock:
            sock = socket.socket(family, kind, protocol)
            self._known.add(sock)
            return sock

    def encrypted(self, sock: socket.socket, host: str, tls: ssl.SSLContext) -> socket.socket:
        """Which shakes hands: the descriptor is another object's now."""
        with self._lock:
            wrapped = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            self._known.add(wrapped)
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped

    def _let_go(self) -> None:
        """Of the descriptors, and say nothing on the connections: they are the parent's."""
        for one in list(self._known):
            with contextlib.suppress(OSError):
                os.close(one.detach())
        self._known.clear()
        self._lock.release()


@cache
def _sockets() -> _Sockets:
    return _Sockets()


def _tell(known: weakref.WeakSet[Forkable]) -> None:
    for one in list(known):
        one.forked()


def notice(one: Forkable) -> None:
    """Call `one.forked()` in every child forked from now on, while `one` lives. Call this before its threads begin.

    What they would import first is imported here: a child forked in the middle of an import never gets past it.
    """
    import encodings.idna  # noqa: F401 - whoever looks up a host needs it

    _known().add(one)


def connect(host: str, port: int, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connection that no forked child keeps open, not even one forked while it is being made. `timeout` is in seconds and for each
    address that `host` has. Raises OSError."""
    failed = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = _sockets().made(family, kind, protocol)
        try:
            sock.settimeout(timeout)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _sockets().encrypted(sock, host, tls) if tls else sock
        except OSError as error:
            sock.close()
            failed = error
    raise failed
