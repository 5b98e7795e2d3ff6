"""Every dialect at once under churn: what changes in one is seen in all, and at the end they agree."""

from __future__ import annotations

import time
from collections import defaultdict
from random import Random

import pytest
from msgspec.structs import replace
from tests.httpapi.asking import Caller
from tests.server.dialects import Dialects

from muster.server.settings import Address
from muster.testing.prober import ScriptedProber
from muster.testing.server import FORGETFUL, LocalRegistry

SERVICES = tuple(f"svc{n}" for n in range(10))
SETTINGS = replace(FORGETFUL, dns=Address("127.0.0.1", 0))
SEED = 5
LOOK_EVERY = 20
"""Changes between two looks at all views, which take longer than the changes do."""


class Churn:
    """`there`: who should be offered to callers, by service."""

    def __init__(self, dialects: Dialects, rng: Random) -> None:
        self._dialects = dialects
        self._rng = rng
        self._ways = (
            dialects.register_natively,
            dialects.register_by_eureka,
            dialects.register_by_consul,
        )
        self._count = 0
        self.there: dict[str, set[str]] = defaultdict(set)

    def register(self) -> str:
        self._count += 1
        service = self._rng.choice(SERVICES)
        host = f"10.{self._count >> 16 & 255}.{self._count >> 8 & 255}.{self._count & 255}"
        self._rng.choice(self._ways)(service, f"i{self._count}", host)
        self.there[service].add(host)
        return service

    def change(self) -> str:
        """The service that changed. As many come as go."""
        services = [service for service in SERVICES if self.there[service]]
        if not services or self._rng.random() < 0.5:
            return self.register()
        service = self._rng.choice(services)
        host = self._rng.choice(sorted(self.there[service]))
        leave = self._dialects.take_out if self._rng.random() < 0.1 else self._dialects.deregister
        leave(service, host)
        self.there[service].discard(host)
        return service


@pytest.mark.parametrize(
    ("population", "changes"), [(60, 120), pytest.param(1_000, 3_000, marks=pytest.mark.slow)]
)
def test_all_dialects_agree_under_churn(population: int, changes: int) -> None:
    print(f"seed {SEED}, {population} instances, {changes} changes")
    with (
        LocalRegistry(SETTINGS, prober=ScriptedProber()) as registry,
        Caller(registry.host, registry.port) as caller,
    ):
        dialects = Dialects(caller, registry.dns)
        churn = Churn(dialects, Random(SEED))
        for _ in range(population):
            churn.register()
        lags: defaultdict[str, list[float]] = defaultdict(list)
        for n in range(changes):
            changed = churn.change()
            for name, view in dialects.views.items() if n % LOOK_EVERY == 0 else ():
                began = time.monotonic()
                assert view(changed) == {(host, 80) for host in churn.there[changed]}, (name, changed)
                lags[name].append(time.monotonic() - began)
        for service in SERVICES:
            expected = {(host, 80) for host in churn.there[service]}
            for name, view in dialects.views.items():
                assert view(service) == expected, (name, service)
    for name, times in lags.items():
        print(f"{name}: right at the first look each time; slowest answer {max(times) * 1000:.1f} ms")
    print(f"the client that follows deltas asked for the whole {dialects.fetched_whole} times")
