"""A child keeps none of its parent's connections open: they would outlive the parent, and hide its death."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from muster.client import fork


def sockets() -> set[str]:
    """Those that this process has open, by their inodes."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(link.readlink()))
    return {one for one in found if one.startswith("socket:")}


def a_child_has(some: set[str]) -> bool:
    """Whether a child that is forked now has any of them open."""
    pid = os.fork()
    if pid == 0:
        os._exit(bool(sockets() & some))
    _, status = os.waitpid(pid, 0)
    return bool(os.waitstatus_to_exitcode(status))


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
        with fork.connect(*listener.getsockname(), 5.0) as made:
            ours = {str(Path(f"/proc/self/fd/{made.fileno()}").readlink())}
            assert ours <= sockets()
            assert not a_child_has(ours)
        assert a_child_has({str(Path(f"/proc/self/fd/{listener.fileno()}").readlink())})


def test_nor_one_that_is_being_made(full: tuple[str, int]) -> None:
    before = sockets()
    connecting = threading.Thread(target=tried, args=(full,), daemon=True)
    connecting.start()
    while not (made := sockets() - before):
        pass
    assert not a_child_has(made)


def tried(address: tuple[str, int]) -> None:
    with suppress(OSError):
        fork.connect(*address, 5.0)
