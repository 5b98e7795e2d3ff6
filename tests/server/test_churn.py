"""Every dialect at once under churn that is paced: changes at a steady rate, and for each dialect somebody who looks all the time.

How long a change took to be seen: from its acknowledgement to the end of the first look that shows it, so the look's own time is in it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from msgspec import Struct
from tests.cli.serving import Serving, serving
from tests.httpapi.asking import Caller
from tests.server.dialects import Dialects
from tests.server.test_dialects import SERVICES, Churn

from muster.server.settings import Address

SEED = 5
CHANGES_PER_S = 50
LOOK_EVERY_S = 0.05
"""Between one change that was seen and the next to look for: all onlookers share one interpreter with whoever makes the changes."""
LAG_S = 1.0
"""What no dialect may exceed."""


class Place(Struct, frozen=True):
    """Where a registry is reached."""

    http: Address
    names: Address

    @classmethod
    def of(cls, registry: Serving) -> Place:
        return cls(_address(registry.url.removeprefix("http://")), _address(registry.dns))


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host, int(port))


class News(Struct, frozen=True):
    """The last change: `host` came to a service, or left it. `at`: when it was acknowledged (s, monotonic)."""

    service: str
    host: str
    came: bool
    at: float


class Board:
    """What changed last, and who has left by now. Written by one thread, read by all."""

    def __init__(self) -> None:
        self.last: News | None = None
        self.left: set[str] = set()
        self.over = threading.Event()

    def tell(self, news: News) -> None:
        if not news.came:
            self.left.add(news.host)
        self.last = news

    def is_in(self, news: News, hosts: set[str]) -> bool:
        """Whether what a look shows is as new as the news. Who came may have left again."""
        if news.came:
            return news.host in hosts or news.host in self.left
        return news.host not in hosts


class Onlooker(threading.Thread):
    """Looks through one dialect until it sees the last change, and then for the next one. `lags` in seconds."""

    def __init__(self, dialect: str, place: Place, board: Board) -> None:
        super().__init__(name=dialect, daemon=True)
        self.dialect = dialect
        self.lags: list[float] = []
        self._place = place
        self._board = board

    def run(self) -> None:
        with Caller(*self._place.http) as caller:
            look = Dialects(caller, self._place.names).views[self.dialect]
            known = None
            while not self._board.over.wait(LOOK_EVERY_S):
                news = self._board.last
                if news is None or news is known:
                    continue
                while not self._board.is_in(news, {host for host, _ in look(news.service)}):
                    pass
                self.lags.append(time.monotonic() - news.at)
                known = news


@contextmanager
def onlookers(dialects: Iterable[str], place: Place, board: Board) -> Iterator[list[Onlooker]]:
    found = [Onlooker(dialect, place, board) for dialect in dialects]
    for each in found:
        each.start()
    try:
        yield found
    finally:
        board.over.set()
        for each in found:
            each.join(30)


def paced(churn: Churn, board: Board, seconds: float) -> float:
    """Make changes at the rate, and return how many a second it came to."""
    began, made, pause = time.monotonic(), 0, threading.Event()
    while (passed := time.monotonic() - began) < seconds:
        if made < passed * CHANGES_PER_S:
            board.tell(churned(churn))
            made += 1
        else:
            pause.wait(0.001)
    return made / (time.monotonic() - began)


def churned(churn: Churn) -> News:
    before = {service: set(hosts) for service, hosts in churn.there.items()}
    service = churn.change()
    (host,) = before.get(service, set()) ^ churn.there[service]
    return News(service, host, host in churn.there[service], time.monotonic())


@pytest.mark.parametrize(
    ("population", "seconds"), [(60, 2.0), pytest.param(1_000, 60.0, marks=pytest.mark.slow)]
)
def test_no_dialect_lags(population: int, seconds: float, tmp_path: Path) -> None:
    print(
        f"seed {SEED}, {population} instances, {CHANGES_PER_S} changes/s for {seconds:g} s, {os.cpu_count()} cores"
    )
    board = Board()
    with serving(tmp_path, "--dns", "127.0.0.1:0") as registry:
        place = Place.of(registry)
        with Caller(*place.http) as caller:
            dialects = Dialects(caller, place.names)
            churn = Churn(dialects, Random(SEED))
            for _ in range(population):
                churn.register()
            with onlookers(dialects.views, place, board) as looking:
                rate = paced(churn, board, seconds)
            for service in SERVICES:
                expected = {(host, 80) for host in churn.there[service]}
                for name, view in dialects.views.items():
                    assert view(service) == expected, (name, service)
    print(f"{rate:.1f} changes/s; at the end all agree")
    for each in looking:
        lags = sorted(each.lags)
        print(
            f"{each.dialect}: {len(lags)} looked for, median {lags[len(lags) // 2] * 1000:.1f} ms, slowest {lags[-1] * 1000:.1f} ms"
        )
    assert all(each.lags and max(each.lags) <= LAG_S for each in looking)
