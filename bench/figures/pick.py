"""A pick: weighted P2C, by zones, with breaker and outlier state, at 10 and 1,000 endpoints, beside an empty method call; and
what building the picker costs. Times are the best of several rounds: a shared machine only ever adds to them."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from bench.figure import Number, Scale, ratios
from muster import Discovery
from muster.client import endpoint as client
from muster.client.endpoint import Endpoint
from muster.model.instance import Endpoint as Port
from muster.model.policy import DEFAULT, Balancer, BalancerName, Policy
from muster.policy.building import build
from muster.policy.endpoint import Place
from muster.policy.memory import Memory
from muster.policy.outcome import Outcome
from muster.policy.picker import Picker
from muster.testing import FakeRegistry
from muster.wire.view import InstanceView

NOW = 1_000.0
HERE = Place("a")


class Size(Struct, frozen=True):
    picks: int
    rounds: int
    runs: int


SIZES = {"full": Size(2_000, 150, 7), "quick": Size(2_000, 60, 3), "tiny": Size(100, 1, 1)}


class Empty:
    def pick(self, rng: Random, now: float) -> None:
        return None


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    numbers = []
    for count, bound in ((10, 2.0), (1_000, 3.0)):
        pairs = [(_pick_us(_scene(count)[0], size), _empty_us(size)) for _ in range(size.runs)]
        ours, empty = [our for our, _ in pairs], [their for _, their in pairs]
        what = f"pick, {count:,} endpoints"
        numbers += [
            Number(what, tuple(ours), "us", at_most=bound, beside=f"an empty call {empty[-1]:.3f} us"),
            Number(f"{what}: to an empty method call", ratios(ours, empty), "x"),
            Number(f"build, {count:,} endpoints", _builds(count, size), "ms"),
        ]
    return [*numbers, *_by_name(size), _whole_attempt(size), _memory(size), *_others(size)]


def instance(number: int) -> Endpoint:
    """Weights differ, a third of the endpoints in each of three zones, one in ten degraded."""
    return client.of(
        InstanceView(
            instance_id=f"web-{number}",
            service="web",
            namespace="default",
            host=f"10.0.{number // 250}.{number % 250}",
            port=8080,
            endpoints=(Port("default", 8080, "http"),),
            zone="abc"[number % 3],
            region="",
            version="1.4.2",
            deployment_group="",
            weight=100 + number % 7,
            tags=(),
            metadata={},
            status="degraded" if number % 10 == 9 else "healthy",
            overdue=False,
            generation=number,
            revision=number,
            registered_at=0,
        )
    )


def _scene(count: int, policy: Policy = DEFAULT) -> tuple[Picker[Endpoint], Memory]:
    """One breaker open, one endpoint ejected, both in the caller's zone, so that it spills over; all the others busy."""
    rng = Random(count)
    endpoints = [instance(number) for number in range(count)]
    memory = Memory(policy, NOW)
    peers = memory.adopt(endpoints, NOW)
    memory.finish(peers[0], Outcome.CONNECT, started=NOW, now=NOW, rng=rng)
    memory.eject(peers[3], "consecutive_5xx", NOW)
    for peer in peers:
        peer.outstanding = rng.randint(1, 5)
        peer.latency.observe(rng.random(), NOW, policy.balancer.decay)
    return build(endpoints, policy, HERE, memory, NOW, rng), memory


def _best(work: Callable[[], None], size: Size) -> float:
    """Microseconds per pick, in the quickest round."""
    gc.disable()
    try:
        times = []
        for _ in range(size.rounds):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    finally:
        gc.enable()
    return min(times) / size.picks * 1e6


def _pick_us(picker: Picker[Endpoint] | Empty, size: Size) -> float:
    rng, rounds = Random(1), range(size.picks)

    def work() -> None:
        for _ in rounds:
            picker.pick(rng, NOW)

    return _best(work, size)


def _empty_us(size: Size) -> float:
    return _pick_us(Empty(), size)


def _by_name(size: Size) -> list[Number]:
    """What a caller writes, with everything around the picker: `discovery.pick("web")`."""
    return [
        Number(f"`discovery.pick`, {count:,} endpoints", _by_name_us(count, size), "us", at_most=bound)
        for count, bound in ((10, 2.0), (1_000, 3.0))
    ]


def _by_name_us(count: int, size: Size) -> tuple[float, ...]:
    rounds = range(size.picks)
    with FakeRegistry() as registry:
        for number in range(count):
            told = instance(number).instance
            registry.add("web", port=number + 1, zone=told.zone, weight=told.weight, status=told.status)
        with Discovery(registry.url, ["web"], zone=HERE.zone) as discovery:
            discovery.wait_ready()
            for _ in range(2):
                discovery.pick("web").attempt().finish(Outcome.CONNECT)
            pick = discovery.pick

            def work() -> None:
                for _ in rounds:
                    pick("web")

            return tuple(_best(work, size) for _ in range(size.runs))


def _builds(count: int, size: Size) -> tuple[float, ...]:
    endpoints, memory, rng = [instance(number) for number in range(count)], Memory(DEFAULT, NOW), Random(1)

    def once() -> float:
        began = time.perf_counter()
        build(endpoints, DEFAULT, HERE, memory, NOW, rng)
        return (time.perf_counter() - began) * 1e3

    return tuple(min(once() for _ in range(size.rounds)) for _ in range(size.runs))


def _whole_attempt(size: Size) -> Number:
    """What an integration does around a call: is the picker fresh, pick, start, finish."""
    rng, rounds = Random(1), range(size.picks)
    endpoints, memory = [instance(number) for number in range(10)], Memory(DEFAULT, NOW)
    picker = build(endpoints, DEFAULT, HERE, memory, NOW, rng)

    def work() -> None:
        for _ in rounds:
            if picker.fresh(NOW) and (choice := picker.pick(rng, NOW)):
                memory.start(choice.peer)
                memory.finish(choice.peer, Outcome.SUCCESS, started=NOW, now=NOW, rng=rng)

    return Number(
        "pick, start and finish, 10 endpoints", tuple(_best(work, size) for _ in range(size.runs)), "us"
    )


def _memory(size: Size) -> Number:
    """What picks and their results leave behind, after a first round of them."""
    (picker, memory), rng = _scene(1_000), Random(1)

    def work() -> None:
        for _ in range(size.picks):
            choice = picker.pick(rng, NOW)
            assert choice is not None
            memory.start(choice.peer)
            memory.finish(choice.peer, Outcome.SUCCESS, started=NOW, now=NOW, rng=rng)

    work()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    work()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return Number(f"memory after {size.picks:,} more attempts", (grown / 1024,), "KiB more", at_most=64)


def _others(size: Size) -> list[Number]:
    """The other balancers, without a bound."""
    names: tuple[BalancerName, ...] = (
        "round_robin",
        "weighted_round_robin",
        "weighted_random",
        "p2c_peak_ewma",
    )
    return [
        Number(
            f"pick, {name}, 1,000 endpoints",
            (_pick_us(_scene(1_000, Policy(balancer=Balancer(name=name)))[0], size),),
            "us",
        )
        for name in names
    ]
