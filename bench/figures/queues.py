"""What two choices are worth: the mean time in system of 1,000 servers at load 0.9, by one choice and by two, beside theory.

Poisson arrivals, exponential service of mean 1, first come first served. One choice: M/M/1, 1 / (1 - 0.9) = 10. Two: the sum over
i >= 1 of 0.9^(2^i - 2) = 2.61 (M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001). Simulated
in virtual time with the library's own pickers: outstanding requests are the queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from bench.figure import Number, Scale
from bench.figures.pick import instance
from muster.client.endpoint import Endpoint
from muster.model.policy import Balancer, BalancerName, Locality, Policy
from muster.model.resilience import Breaker, OutlierDetection
from muster.policy.building import build
from muster.policy.endpoint import Place
from muster.policy.memory import Memory
from muster.policy.picker import Picker

LOAD = 0.9


class Size(Struct, frozen=True):
    """`settle`, `watch`: arrivals per server before and while times are taken. A queue at 0.9 forgets its start slowly."""

    servers: int
    settle: int
    watch: int
    runs: int


SIZES = {"full": Size(1_000, 1_200, 1_500, 3), "quick": Size(1_000, 500, 500, 1), "tiny": Size(20, 5, 5, 1)}
THEORY: tuple[tuple[BalancerName, str, float], ...] = (
    ("random", "one choice", 1 / (1 - LOAD)),
    ("p2c", "two choices", sum(LOAD ** (2**i - 2) for i in range(1, 8))),
)


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    numbers = []
    for name, what, expected in THEORY:
        times = [mean_time(name, size, seed) for seed in range(size.runs)]
        off = tuple(100 * abs(time / expected - 1) for time in times)
        beside = f"{sum(times) / len(times):.2f}, in theory {expected:.2f}"
        numbers.append(Number(f"time in system at 0.9, {what}: off by", off, "%", at_most=5, beside=beside))
    return numbers


def mean_time(name: BalancerName, size: Size, seed: int) -> float:
    """In units of the mean service time."""
    rng, picker = Random(seed), _picker(name, size, Random(seed))
    arrived: dict[int, list[float]] = {}
    leaving: list[tuple[float, int]] = []
    now, times = 0.0, []
    peers = {id(choice.peer): choice.peer for choice, _ in picker.shares()}
    first, last = size.servers * size.settle, size.servers * (size.settle + size.watch)
    for arrival in range(last):
        now += rng.expovariate(LOAD * size.servers)
        while leaving and leaving[0][0] <= now:
            when, server = heappop(leaving)
            since = arrived[server].pop(0)
            if arrival > first:
                times.append(when - since)
            peers[server].outstanding -= 1
            if arrived[server]:
                heappush(leaving, (when + rng.expovariate(1.0), server))
        choice = picker.pick(rng, now)
        assert choice is not None
        choice.peer.outstanding += 1
        queue = arrived.setdefault(id(choice.peer), [])
        queue.append(now)
        if len(queue) == 1:
            heappush(leaving, (now + rng.expovariate(1.0), id(choice.peer)))
    return sum(times) / len(times)


def _picker(name: BalancerName, size: Size, rng: Random) -> Picker[Endpoint]:
    policy = Policy(
        balancer=Balancer(name=name),
        locality=Locality(mode="none"),
        breaker=Breaker(enabled=False),
        outlier_detection=OutlierDetection(enabled=False),
    )
    endpoints = [_alike(number) for number in range(size.servers)]
    return build(endpoints, policy, Place(), Memory(policy, 0.0), 0.0, rng)


def _alike(number: int) -> Endpoint:
    one = instance(number)
    return replace(one, instance=replace(one.instance, weight=100, status="healthy"))
