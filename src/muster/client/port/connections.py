"""The TCP connections to a local port, as the kernel knows them: whose turn it is, and since when nothing moved.

Read from the socket diagnosis of Linux (sock_diag(7)), which needs no privilege within one network namespace and tells the
times of the last bytes in each direction (tcp_info). Where it cannot be had, /proc/net/tcp tells at least which
connections there are. Structures: linux/inet_diag.h, linux/tcp.h, linux/netlink.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ESTABLISHED, CLOSE_WAIT, LISTEN = 1, 8, 10
"""CLOSE_WAIT: the peer has said all it has to say, and may still wait for its answer."""
OPEN: Final = (ESTABLISHED, CLOSE_WAIT)


class Connection(NamedTuple):
    """`received_ago` and `sent_ago` are seconds since the last bytes came and went, counted from its beginning; None: not known.
    `acked_ago`: since the peer last acknowledged something. All in ticks of the kernel's clock, 1 to 10 ms.

    `received` and `sent` count bytes; `queued` are bytes that wait in the kernel, in either direction.
    """

    queued: int
    received_ago: float | None = None
    sent_ago: float | None = None
    received: int = 0
    sent: int | None = None
    acked_ago: float | None = None


def to_ports(ports: frozenset[int]) -> tuple[Connection, ...] | None:
    """Every open connection to one of the ports, over IPv4 and IPv6. None where this cannot be known (not Linux)."""
    try:
        return tuple(each for port in ports for each in _diagnosed(port))
    except OSError:
        return _listed(ports)


# --- sock_diag ---------------------------------------------------------------------------------------------------------

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
NLM_F_REQUEST_DUMP: Final = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_INFO: Final = 2

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct(
    "=BBBxI"
)  # inet_diag_req_v2: family, protocol, extensions, states; then the socket's id
_PORTS = struct.Struct(
    ">HH"
)  # inet_diag_sockid begins with source and destination port; 44 more bytes follow
_QUEUES = struct.Struct("=II")  # inet_diag_msg at 56: receive and send queue
_STATE = 1  # where inet_diag_msg has it
_SOURCE = slice(8, 24)  # the local address; an IPv4 one fills four bytes
_ANY = bytes(16)
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_AGES = struct.Struct("=IIII")  # tcp_info at 44: ms since data sent, ack sent, data received, ack received
_COUNT = struct.Struct("=Q")  # tcp_info at 128: bytes received; at 200, since Linux 4.19: bytes sent
_MESSAGE_BYTES = 72
_RECEIVE_BYTES = 1 << 16
_TIMEOUT_S = 1.0


def _diagnosed(port: int) -> Iterator[Connection]:
    """Raises OSError: another system, no netlink in this sandbox, no tcp_diag in this kernel."""
    netlink = getattr(socket, "AF_NETLINK", None)
    if netlink is None:
        raise OSError("no netlink here")
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(netlink, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_TIMEOUT_S)
            kernel.send(_dump_request(family, port))
            yield from map(_connection, _accepted(list(_dump(kernel))))


def _accepted(sockets: list[bytes]) -> Iterator[bytes]:
    """Without connections that others made to elsewhere, from the same port of another address of this machine.

    Where nobody listens any more, whatever is open was accepted before.
    """
    listening = {each[_SOURCE] for each in sockets if each[_STATE] == LISTEN}
    for each in sockets:
        if each[_STATE] != LISTEN and (not listening or listening & {each[_SOURCE], _ANY}):
            yield each


def _dump_request(family: int, port: int) -> bytes:
    states = sum(1 << state for state in (*OPEN, LISTEN))
    extensions = 1 << (INET_DIAG_INFO - 1)
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, extensions, states) + _PORTS.pack(port, 0) + b"\0" * 44
    return _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + body


def _dump(kernel: socket.socket) -> Iterator[bytes]:
    """The bodies of a multi-part answer."""
    while True:
        received = kernel.recv(_RECEIVE_BYTES)
        at = 0
        while at < len(received):
            length, kind, *_ = _HEADER.unpack_from(received, at)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError("the kernel has no socket diagnosis")
            yield received[at + _HEADER.size : at + length]
            at += length + 3 & ~3


def _connection(message: bytes) -> Connection:
    queued = sum(_QUEUES.unpack_from(message, 56))
    info = _attribute(message, INET_DIAG_INFO)
    if len(info) < 136:
        return Connection(queued)
    sent_ago, _, received_ago, acked_ago = _AGES.unpack_from(info, 44)
    return Connection(
        queued,
        received_ago / 1000,
        sent_ago / 1000,
        _COUNT.unpack_from(info, 128)[0],
        _COUNT.unpack_from(info, 200)[0] if len(info) >= 208 else None,
        acked_ago / 1000,
    )


def _attribute(message: bytes, wanted: int) -> bytes:
    at = _MESSAGE_BYTES
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == wanted:
            return message[at + _ATTRIBUTE.size : at + length]
        at += max(length, _ATTRIBUTE.size) + 3 & ~3
    return b""


# --- /proc/net/tcp -----------------------------------------------------------------------------------------------------


def _listed(ports: frozenset[int]) -> tuple[Connection, ...] | None:
    try:
        tables = [Path("/proc/net/tcp").read_text()]
    except OSError:
        return None
    try:
        tables.append(Path("/proc/net/tcp6").read_text())
    except OSError:
        pass  # a kernel without IPv6
    return tuple(each for table in tables for each in parse_listed(table, ports))


def parse_listed(table: str, ports: frozenset[int]) -> Iterator[Connection]:
    """Lines such as `0: 0100007F:1F90 0100007F:D2F1 01 00000000:00000000 ...`: local, remote, state, queues."""
    for line in table.splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) in ports and int(state, 16) in OPEN:
            sending, _, receiving = queues.partition(":")
            yield Connection(int(sending, 16) + int(receiving, 16))
