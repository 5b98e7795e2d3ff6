"""What the kernel says of connections, asked of this very machine, and read from a page of /proc."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.cli.wrapper.programs import free_port

from muster.client.port.connections import Connection, parse_listed, to_ports
from muster.client.port.idle import IDLE_S, patience


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket, int]]:
    """Client, server, and the server's port."""
    with connected("127.0.0.1", socket.AF_INET) as made:
        yield made


@contextmanager
def connected(host: str, family: socket.AddressFamily) -> Iterator[tuple[socket.socket, socket.socket, int]]:
    port = free_port()
    with (
        closing(socket.create_server((host, port), family=family)) as listening,
        closing(socket.create_connection((host, port))) as client,
        closing(listening.accept()[0]) as server,
    ):
        yield client, server, port


def only(port: int) -> Connection:
    found = to_ports(frozenset({port}))
    assert found is not None
    (connection,) = found
    return connection


def test_nobody_is_connected_to_a_port_nobody_has() -> None:
    assert to_ports(frozenset({1})) == ()


def test_unread_bytes_are_seen(pair: tuple[socket.socket, socket.socket, int]) -> None:
    client, _, port = pair
    client.sendall(b"hello")
    assert only(port).queued == 5


def test_whose_turn_it_is(pair: tuple[socket.socket, socket.socket, int]) -> None:
    client, server, port = pair
    client.sendall(b"GET")
    server.recv(16)
    asked = only(port)
    assert (asked.received, asked.sent, patience(asked)) == (3, 0, IDLE_S)
    server.sendall(b"200 OK")
    client.recv(16)
    assert (only(port).received, only(port).sent) == (3, 6)


def test_a_connection_the_peer_has_half_closed_still_counts(
    pair: tuple[socket.socket, socket.socket, int],
) -> None:
    client, _, port = pair
    client.sendall(b"GET")
    client.shutdown(socket.SHUT_WR)
    assert patience(only(port)) == IDLE_S


def test_ipv6_is_seen_too() -> None:
    with connected("::1", socket.AF_INET6) as (_, _, port):
        assert only(port).queued == 0


def test_what_others_call_from_the_same_port_of_another_address_does_not_count() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as elsewhere,
        closing(socket.create_server(("127.0.0.1", port := free_port()))),
        closing(socket.socket()) as other,
    ):
        other.bind(("127.0.2.1", port))
        other.connect(elsewhere.getsockname())
        assert to_ports(frozenset({port})) == ()


def test_what_was_accepted_counts_when_nobody_listens_any_more() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", port := free_port()))) as listening,
        closing(socket.create_connection(("127.0.0.1", port))),
        closing(listening.accept()[0]),
    ):
        listening.close()
        assert only(port).queued == 0


def test_a_server_on_every_address_sees_all_of_them() -> None:
    with (
        closing(socket.create_server(("0.0.0.0", port := free_port()))) as listening,
        closing(socket.create_connection(("127.0.2.1", port))),
        closing(listening.accept()[0]),
    ):
        assert only(port).queued == 0


PROC = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D2F1 01 00000000:00000005 00:00000000 00000000     0        0 2 1 0 20 0 0 10 -1
   2: 0100007F:1F90 0100007F:D2F2 06 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 0 0 10 -1
   3: 0100007F:D2F1 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 0 0 10 -1
"""


def test_proc_lists_open_connections_to_the_port_alone() -> None:
    assert list(parse_listed(PROC, frozenset({8080}))) == [Connection(queued=5)]
