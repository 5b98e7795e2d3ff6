"""A child keeps none of its parent's connections open: they would outlive the parent, and hide its death."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from muster.client import fork


def sockets() -> int:
    """How many this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(link.readlink()).startswith("socket:")
    return found


def of_a_child() -> int:
    """How many sockets a child has open that is forked now."""
    pid = os.fork()
    if pid == 0:
        os._exit(sockets())
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """A listener that takes nobody in any more: whoever connects, waits."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        yield address
        for one in waiting:
            one.close()


def test_a_connection_is_not_the_childs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = of_a_child()
        with fork.connect(*listener.getsockname(), 5.0):
            assert sockets() == before + 1
            assert of_a_child() == before


def test_nor_one_that_is_being_made(full: tuple[str, int]) -> None:
    before = of_a_child()
    assert sockets() == before
    connecting = threading.Thread(target=tried, args=(full,), daemon=True)
    connecting.start()
    while sockets() == before:
        pass
    assert of_a_child() == before


def tried(address: tuple[str, int]) -> None:
    with suppress(OSError):
        fork.connect(*address, 5.0)
