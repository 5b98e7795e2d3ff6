"""A crowd of watchers: thousands of sockets in one epoll, each with the moment its last bytes arrived.

The moment is the kernel's own stamp on the received segment (SO_TIMESTAMPNS), so that a slow reader, which this one is, does not
count: what is measured is when the bytes were there to be read. Stamps are wall-clock time; so is `now`.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

SO_TIMESTAMPNS = 35
"""include/uapi/asm-generic/socket.h; Python's socket module does not name it."""
IP_BIND_ADDRESS_NO_PORT = 24
"""include/uapi/linux/in.h: the port is chosen when it connects, so that one in TIME_WAIT towards another server does not count."""
STAMP = struct.Struct("qq")
CONNECTIONS_PER_ADDRESS = 10_000
"""One client address has about 28,000 ports."""
OPENING = 200
"""Connections opened before their first answers are awaited: the server's backlog is not endless."""


def now() -> float:
    """Seconds, on the clock of the stamps."""
    return time.time_ns() / 1e9


class Crowd:
    """Watchers in the order of their paths. `heard[n]` is what the nth received since `forget`, `at[n]` when the last of it came."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._numbers = {each.fileno(): number for number, each in enumerate(sockets)}
        self._sockets = sockets
        self._epoll = select.epoll()
        for each in sockets:
            self._epoll.register(each, select.EPOLLIN)
        self.forget()

    def __len__(self) -> int:
        return len(self._sockets)

    def close(self) -> None:
        self._epoll.close()

    def send(self, paths: Sequence[str]) -> None:
        """A further request on each connection."""
        for each, path in zip(self._sockets, paths, strict=True):
            each.sendall(_request(path))

    def forget(self) -> None:
        self.heard = [b""] * len(self._sockets)
        self.at = [0.0] * len(self._sockets)

    def read_for(self, seconds: float) -> None:
        """Read whatever comes, for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def read_until(self, word: bytes, wanted: Sequence[int], timeout: float) -> list[float]:
        """When `word` arrived at each of the `wanted` watchers. Raises `TimeoutError`."""
        arrived: dict[int, float] = {}
        missing = set(wanted)
        end = time.monotonic() + timeout
        while missing:
            for number in self._read(end - time.monotonic()):
                if number in missing and word in self.heard[number]:
                    missing.discard(number)
                    arrived[number] = self.at[number]
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{len(missing)} of {len(wanted)} watchers were not told within {timeout:g} s"
                )
        return [arrived[number] for number in wanted]

    def _read(self, timeout: float) -> list[int]:
        numbers = []
        for descriptor, _ in self._epoll.poll(max(timeout, 0.0), 4096):
            number = self._numbers[descriptor]
            data, ancillary, _, _ = self._sockets[number].recvmsg(65_536, 64)
            if not data:
                raise ConnectionError(f"watcher {number} lost its stream")
            self.heard[number] += data
            self.at[number] = _stamp(ancillary)
            numbers.append(number)
        return numbers


def _stamp(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    if not ancillary:
        return now()  # the kernel begins to stamp a moment after the first socket asks for it
    seconds, nanos = STAMP.unpack_from(ancillary[0][2])
    return float(seconds) + nanos / 1e9


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@contextmanager
def watchers(address: tuple[str, int], paths: Sequence[str], *, first: bytes = b"event: ") -> Iterator[Crowd]:
    """A watcher for each path, all of which have been told `first`."""
    with ExitStack() as open_sockets:
        sockets: list[socket.socket] = []
        for start in range(0, len(paths), OPENING):
            some = [_connect(address, start + n) for n in range(len(paths[start : start + OPENING]))]
            for each, path in zip(some, paths[start : start + OPENING], strict=True):
                open_sockets.enter_context(each)
                each.sendall(_request(path))
            with _crowd(some) as newcomers:
                newcomers.read_until(first, range(len(some)), 30)
            sockets += some
        with _crowd(sockets) as crowd:
            yield crowd


def _connect(address: tuple[str, int], number: int) -> socket.socket:
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    connected.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connected.bind((f"127.0.1.{1 + number // CONNECTIONS_PER_ADDRESS}", 0))
    connected.connect(address)
    return connected


@contextmanager
def _crowd(sockets: Sequence[socket.socket]) -> Iterator[Crowd]:
    crowd = Crowd(sockets)
    try:
        yield crowd
    finally:
        crowd.close()
