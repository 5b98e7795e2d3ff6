"""Callers of a service under test: they choose with the library, call with the standard library, and never stop by themselves."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from muster.client import Bound, Discovery, Mirror

PAUSE_S: Final = 0.01
THINKING: Final = ("0", "0.01", "0.15")
"""Seconds that the application takes for its answers, in turn."""
WAIT_S: Final = 60.0
UNUSED_S: Final = 1.0
"""Whoever keeps a connection for longer without a request meets its end by the server, gunicorn's after 2 s, and that is nobody's drain."""


class Caller(threading.Thread):
    """Calls whoever is picked: over connections that it keeps, or with a new one for each call."""

    def __init__(self, discovery: Discovery, *, keep_alive: bool) -> None:
        super().__init__(name=f"caller-{keep_alive=}", daemon=True)
        self._discovery = discovery
        self._keep_alive = keep_alive
        self._kept: dict[str, tuple[http.client.HTTPConnection, float]] = {}
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self.answered: Counter[int] = Counter()
        self.failures: deque[str] = deque(maxlen=100)

    def run(self) -> None:
        turn = 0
        while not self._stopping.wait(PAUSE_S):
            turn += 1
            with self._discovery.call("web") as call:
                endpoint = call.attempt().endpoint
                try:
                    self._call(endpoint.host, endpoint.port, THINKING[turn % len(THINKING)])
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"{self.name} at {endpoint.port}: {error!r}")
                    self._kept.pop(endpoint.address, None)
            with self._news:
                self.answered[endpoint.port] += 1
                self._news.notify_all()
        for connection, _ in self._kept.values():
            connection.close()

    def until_answered(self, port: int, times: int) -> None:
        """Until it was answered from there `times` more."""
        with self._news:
            enough = self.answered[port] + times
            assert self._news.wait_for(lambda: self.answered[port] >= enough, WAIT_S), self.answered

    def stop(self) -> None:
        self._stopping.set()
        self.join(WAIT_S)

    def _call(self, host: str, port: int, think: str) -> None:
        address = f"{host}:{port}"
        connection = self._connection(address, host, port)
        connection.request(
            "GET", f"/?think={think}", headers={} if self._keep_alive else {"Connection": "close"}
        )
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"{answer.status}: {body[:80]!r}")
        if self._keep_alive:
            self._kept[address] = connection, time.monotonic()
        else:
            connection.close()

    def _connection(self, address: str, host: str, port: int) -> http.client.HTTPConnection:
        if address in self._kept:
            connection, used = self._kept[address]
            if time.monotonic() - used < UNUSED_S:
                return connection
            connection.close()
        return http.client.HTTPConnection(host, port, timeout=10)


@contextlib.contextmanager
def calling(discovery: Discovery) -> Iterator[list[Caller]]:
    """Two of each kind, stopped at the end."""
    callers = [Caller(discovery, keep_alive=keep) for keep in (True, False, True, False)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        for caller in callers:
            caller.stop()


def until_seen(discovery: Discovery, ports: set[int], service: str = "web") -> None:
    """Until these and no others may be called."""
    seen = threading.Event()

    def look(mirror: Mirror) -> None:
        if isinstance(mirror, Bound) and {each.port for each in mirror.instances} == ports:
            seen.set()

    end = discovery.on_change(look)
    look(discovery.mirror(service))
    assert seen.wait(WAIT_S), discovery.mirror(service)
    end()
