"""Threads that call, while the registry tells of thousands: whoever left is never picked, and nobody who came back is forgotten."""

import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from random import Random, randrange

from msgspec.structs import replace
from tests.client.told import web

from muster.client import endpoint
from muster.client.state import Snapshot
from muster.client.traffic import Traffic
from muster.model import limits
from muster.model.policy import DEFAULT
from muster.policy.endpoint import Place
from muster.policy.outcome import Outcome

MANY = 3 * limits.BUILD_SLICE
ROUNDS = 20
FATES = (*(Outcome.SUCCESS,) * 40, Outcome.CONNECT, Outcome.RESET, Outcome.TIMEOUT, Outcome.CANCELLED)


class Service:
    """Instances of which some leave and some come at every step, with the generation that they had, or with another one."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._revision = 0
        self.listed = dict.fromkeys(range(1, MANY + 1), 1)

    def snapshot(self, changes: dict[str, int] | None = None) -> Snapshot:
        self._revision += 1
        endpoints = tuple(
            endpoint.of(replace(web(number), generation=generation, zone="abc"[number % 3]))
            for number, generation in self.listed.items()
        )
        return Snapshot("web", "e1", self._revision, exists=True, endpoints=endpoints, changes=changes)

    def step(self) -> Snapshot:
        changes = {}
        for number in self._rng.sample(range(1, MANY + 1), 100):
            if self.listed.pop(number, None) is None:
                self.listed[number] = self._rng.choice((1, 1, 2))
            changes[web(number).instance_id] = self.listed.get(number, 0)
        return self.snapshot(changes if self._rng.random() < 0.8 else None)

    def lists(self, one: endpoint.Endpoint) -> bool:
        return self.listed.get(int(one.id.removeprefix("web-"))) == one.instance.generation


def test_threads_that_call_while_thousands_change() -> None:
    seed = randrange(2**32)
    print(f"seed {seed}")
    service, asked, over = Service(Random(seed)), SimpleQueue[Traffic](), threading.Event()
    traffic = Traffic(
        service.snapshot(),
        None,
        DEFAULT,
        place=Place("a", ""),
        clock=time.monotonic,
        rng=Random(seed),
        ask=asked.put,
        suspect=lambda endpoint: None,
        tracing=None,
    )

    def call() -> None:
        fates = Random(seed)
        while not over.is_set():
            picked = traffic.pick(None, None, None, ())
            if picked is not None:
                picked.attempt().finish(fates.choice(FATES))

    def rebuild() -> None:
        while not over.is_set():
            with suppress(Empty):
                asked.get(timeout=0.01).rebuild()

    def look() -> None:
        while not over.is_set():
            traffic.explain()

    threads = [threading.Thread(target=work, daemon=True) for work in (call, call, rebuild, look)]
    for thread in threads:
        thread.start()
    wrong = []
    for _ in range(ROUNDS):
        traffic.show(service.step(), DEFAULT)
        picks = [traffic.pick(None, None, None, ()) for _ in range(20)]
        wrong += [one for one in picks if one is not None and not service.lists(one)]
    over.set()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    traffic.rebuild()
    assert (wrong, traffic.memory.active) == ([], 0)
    peers = traffic.memory.adopt(traffic.snapshot.endpoints, time.monotonic())
    assert len(peers) == len(service.listed)
    assert not [peer for peer in peers if peer.gone]
