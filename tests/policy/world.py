"""Builders: endpoints, and a service with a memory, a picker that is always fresh, and a clock somebody else turns."""

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from msgspec import Struct

from muster.model.policy import DEFAULT, Policy
from muster.policy.building import build
from muster.policy.choice import Choice
from muster.policy.endpoint import Place
from muster.policy.memory import Memory, Peer
from muster.policy.outcome import Outcome
from muster.policy.picker import Picker


class Told(Struct, frozen=True):
    instance_id: str
    generation: int = 1
    region: str = ""
    zone: str = ""
    version: str = ""
    deployment_group: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    weight: int = 100
    status: str = "healthy"
    overdue: bool = False


class Web(Struct, frozen=True):
    instance: Told
    address: str

    @property
    def id(self) -> str:
        return self.instance.instance_id


def web(number: int, **told: Any) -> Web:
    """`web-90` at 127.0.0.1:90, as in Envoy's tests."""
    return Web(Told(f"web-{number}", **told), f"127.0.0.1:{number}")


def webs(numbers: Iterable[int], **told: Any) -> list[Web]:
    return [web(number, **told) for number in numbers]


class Caller:
    """One caller of one service, at `place`, at time `now`."""

    def __init__(
        self,
        endpoints: Iterable[Web],
        policy: Policy = DEFAULT,
        place: Place = Place(),
        *,
        now: float = 1000.0,
    ) -> None:
        self.endpoints = tuple(endpoints)
        self.policy = policy
        self.place = place
        self.now = now
        self.rng = Random(7)
        self.memory = Memory(policy, now)
        self.picker: Picker[Web] = self.build()

    def build(self) -> Picker[Web]:
        self.picker = build(self.endpoints, self.policy, self.place, self.memory, self.now, self.rng)
        return self.picker

    def pick(self, **asked: Any) -> Choice[Web] | None:
        if not self.picker.fresh(self.now):
            self.build()
        return self.picker.pick(self.rng, self.now, **asked)

    def picks(self, times: int, **asked: Any) -> Counter[str]:
        """Who was picked how often, each answer before the next question."""
        return Counter(choice.endpoint.id for _ in range(times) if (choice := self.pick(**asked)))

    def picked(self, times: int = 200, **asked: Any) -> set[str]:
        return set(self.picks(times, **asked))

    def shares(self) -> dict[str, float]:
        if not self.picker.fresh(self.now):
            self.build()
        shares: Counter[str] = Counter()
        for choice, share in self.picker.shares():
            shares[choice.endpoint.id] += share  # type: ignore[assignment]
        return {id: round(share, 6) for id, share in shares.items() if share}

    def known(self) -> list[tuple[Web, Peer]]:
        return list(zip(self.endpoints, self.memory.adopt(self.endpoints, self.now), strict=True))

    def peer(self, id: str) -> Peer:
        return next(peer for endpoint, peer in self.known() if endpoint.id == id)

    def call(
        self, id: str, outcome: Outcome = Outcome.SUCCESS, *, times: int = 1, took: float = 0.01
    ) -> None:
        """Calls of one endpoint, one after the other."""
        peer = self.peer(id)
        for _ in range(times):
            self.memory.start(peer)
            self.memory.finish(peer, outcome, started=self.now - took, now=self.now, rng=self.rng)


def eject(caller: Caller, *ids: str) -> None:
    for id in ids:
        caller.memory.eject(caller.peer(id), "consecutive_5xx", caller.now)


def rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 6) for name, share in shares.items()}
