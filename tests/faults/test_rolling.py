"""Three replicas are replaced one at a time, as an upgrade does it, under readers: no read fails, and nobody notices."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.faults.replicas import Beating, Replica, Trio, register

from muster import Discovery

pytestmark = pytest.mark.fault

READERS: Final = 6
STOP_S: Final = 30.0


class Reader:
    """Reads again and again over a connection it keeps, and goes to the next replica where one is not there any more.

    `answers`: how often it was answered so; a read that no replica answers is `nobody`."""

    def __init__(self, ports: list[int], first: int) -> None:
        self._ports, self._at = ports, first
        self._connection: HTTPConnection | None = None
        self.answers: Counter[str] = Counter()

    def read(self, over: threading.Event) -> None:
        while not over.wait(0.01):
            self.answers[self._anybody()] += 1
        self._hang_up()

    def _anybody(self) -> str:
        for _ in range(
            2 * len(self._ports)
        ):  # each may have closed the connection we kept, and then not be there
            try:
                return self._ask()
            except (OSError, HTTPException):
                self._hang_up()
                self._at += 1
        return "nobody"

    def _ask(self) -> str:
        if self._connection is None:
            port = self._ports[self._at % len(self._ports)]
            self._connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self._connection.request("GET", "/v1/services/web/instances")
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return f"{answer.status} {body!r}"
        return f"{len(msgspec.json.decode(body)['instances'])} instances"

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextlib.contextmanager
def reading(trio: Trio) -> Iterator[list[Reader]]:
    over, ports = threading.Event(), [replica.port for replica in trio.replicas]
    readers = [Reader(ports, first) for first in range(READERS)]
    threads = [threading.Thread(target=reader.read, args=[over]) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def replace(trio: Trio, replica: Replica) -> None:
    """Stop, start, and wait until it is one of them again, as `kubectl rollout` does by its readiness."""
    replica.stop(STOP_S)
    trio.until(lambda: all(trio.members(other) == 2 for other in trio.replicas if other is not replica))
    replica.start()
    trio.until(lambda: all(trio.members(each) == 3 for each in trio.replicas))
    trio.until(lambda: replica.call("GET", "/services")[0] == 200)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)], ids=["once", "ten times"])
def test_replicas_are_replaced_one_at_a_time_without_a_failed_read(tmp_path: Path, rounds: int) -> None:
    with Trio(tmp_path) as trio:
        for n in range(5):
            register(trio.replicas[0], f"kept-{n}", 3600.0)
        with Beating(trio, 7, ttl=6.0) as beating:
            trio.until(lambda: all(len(trio.statuses(replica)) == 12 for replica in trio.replicas))
            urls = [f"http://127.0.0.1:{replica.port}" for replica in trio.replicas]
            with Discovery(urls, ["web"]) as discovery, reading(trio) as readers:
                discovery.wait_ready()
                for _ in range(rounds):
                    for replica in trio.replicas:
                        replace(trio, replica)
                        assert len(discovery.instances("web")) == 12
        answers = sum((reader.answers for reader in readers), Counter[str]())
    print(answers)
    assert answers.keys() == {"12 instances"}
    assert (beating.wrong, beating.refused) == ([], 0)
