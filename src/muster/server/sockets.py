"""The sockets a registry listens on: those systemd opened for it, or its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from muster.server import systemd
from muster.server.config import BadConfig, exposed
from muster.server.settings import Address, Settings


def opened(settings: Settings, environ: Mapping[str, str]) -> list[socket.socket]:
    """Bound sockets, all of them safe to listen on with these settings. Raises `OSError` or `BadConfig`."""
    passed = [socket.socket(fileno=fd) for fd in systemd.listen_fds(environ, os.getpid())]
    sockets = passed or [listening(settings.listen)]
    for each in sockets:
        if each.family not in (socket.AF_INET, socket.AF_INET6):
            raise BadConfig(
                "listen", "systemd", "is no TCP socket: ListenStream= wants an address and a port"
            )
        if problem := exposed(settings, address_of(each)):
            raise BadConfig("listen", "systemd" if passed else "settings", problem)
    return sockets


def listening(address: Address) -> socket.socket:
    """A bound socket. Raises `OSError` naming the address and what to do."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        hint = "is another registry running? choose another address with --listen"
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}; {hint}") from None
    bound.setblocking(False)
    return bound


def address_of(bound: socket.socket) -> Address:
    host, port = bound.getsockname()[:2]
    return Address(host, port)
