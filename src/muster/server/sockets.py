"""The sockets a registry listens on: those systemd opened for it, or its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from muster.model import limits
from muster.nameserver.server import Sockets
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


def listening(address: Address, flag: str = "--listen") -> socket.socket:
    """A bound socket. Raises `OSError` naming the address and what to do."""
    bound = socket.socket(_family(address), socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        hint = f"is another registry running? choose another address with {flag}"
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}; {hint}") from None
    bound.setblocking(False)
    return bound


def named(address: Address) -> Sockets:
    """Bound sockets of a name server: UDP and TCP, at the same port. Raises `OSError` naming the address and what to do."""
    for _ in range(limits.DNS_PORTS_TRIED):
        tcp = listening(address, flag="--dns")
        try:
            return Sockets(_datagrams(address_of(tcp)), tcp)
        except OSError as error:
            tcp.close()
            if address.port:
                raise OSError(error.errno, f"cannot listen on {address}, UDP: {error.strerror}") from None
    raise OSError(f"cannot listen on {address}: no port is free for UDP and TCP")


def _datagrams(address: Address) -> socket.socket:
    bound = socket.socket(_family(address), socket.SOCK_DGRAM)
    try:
        bound.bind((address.host, address.port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def address_of(bound: socket.socket) -> Address:
    host, port = bound.getsockname()[:2]
    return Address(host, port)
