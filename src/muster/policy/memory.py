"""What this process knows of a service's endpoints from its own calls: who is slow, who fails, who was taken out.

    memory.adopt(endpoints, now)                                  the endpoints of a new snapshot; the others are forgotten
    memory.start(peer) ... memory.finish(peer, outcome, ...)      around every attempt
    memory.tick(now, rng)                                         when `due` has come: ejected ones return, rates are compared

`version` changes whenever somebody is taken out or comes back: pickers built before are then out of date. Threads that share a
memory give it a lock, which is held for as long as one of these calls takes, but for `adopt`, which may look at thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct

from muster.model import limits
from muster.model.policy import Policy

from . import outliers
from .breaker import Breaker
from .doubt import UNREACHED, Doubt
from .endpoint import Target
from .latency import Latency
from .outcome import MEANINGS, Outcome
from .outliers import Cause, Record
from .pacing import Pause, paced

if TYPE_CHECKING:
    from random import Random

ALWAYS = float("-inf")


class Peer(Struct, eq=False, gc=False):
    """One endpoint. `since`: when it appeared (s; -inf: before we looked); `succeeded_at`: our last success with it; `gone`: it is
    not listed any more; `out`: that, or it is ejected, or its breaker is not closed; `zone`: what we think of its zone, if it has one.

    What calls teach is kept from the first call on: of a service of thousands a process calls few. Nothing here refers back, so
    there is nothing for the collector to look at.
    """

    since: float
    generation: int = 0
    succeeded_at: float = ALWAYS
    outstanding: int = 0
    gone: bool = False
    out: bool = False
    zone: Doubt | None = None
    known_breaker: Breaker | None = None
    known_latency: Latency | None = None
    known_record: Record | None = None

    @property
    def breaker(self) -> Breaker:
        if self.known_breaker is None:
            self.known_breaker = Breaker()
        return self.known_breaker

    @property
    def latency(self) -> Latency:
        if self.known_latency is None:
            self.known_latency = Latency()
        return self.known_latency

    @property
    def record(self) -> Record:
        if self.known_record is None:
            self.known_record = Record()
        return self.known_record

    def __repr__(self) -> str:
        return f"<Peer {self.outstanding} outstanding {self.breaker!r} {self.record!r}>"


class Memory:
    """Of one service. `due`: when `tick` should be called next (s). `lock`: for whoever shares it between threads."""

    def __init__(
        self, policy: Policy, now: float, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._lock = lock or nullcontext()
        self.policy = policy
        self.version = 0
        self.due = now + policy.outlier_detection.interval
        self.active = 0
        self.retries = 0
        self._peers: dict[str, Peer] = {}
        self._left: list[tuple[Peer, float]] = []
        self._zones: dict[str, Doubt] = {}
        self._turns: dict[object, count[int]] = {}
        self._looked = False

    def __repr__(self) -> str:
        return f"<Memory of {len(self._peers)} endpoints @{self.version}>"

    def __len__(self) -> int:
        return len(self._peers)

    def shared_by(self, lock: AbstractContextManager[object]) -> None:
        """Another lock in place of the one there was: that one's holder does not exist any more."""
        self._lock = lock

    def obey(self, policy: Policy) -> None:
        """Another policy from now on; what was seen stays."""
        with self._lock:
            self.policy = policy
            self.version += 1

    def adopt(self, endpoints: Sequence[Target], now: float, pause: Pause = bool) -> list[Peer]:
        """One peer for each endpoint, in their order. A new incarnation of an instance is a new peer, and so is one that had left.
        Whoever is not among them is out: a picker that still knows it passes over it. By one thread at a time; calls go on meanwhile."""
        since = now if self._looked else ALWAYS
        self._looked = True
        known, peers = self._peers, dict[str, Peer]()
        for endpoint in paced(endpoints, pause):
            instance = endpoint.instance
            id, generation = instance.instance_id, instance.generation
            peer = known.get(id)
            if peer is None or peer.gone or peer.generation != generation:
                with self._lock:
                    peer = Peer(since, generation, zone=self._zone(instance.zone))
            peers[id] = peer
        leaving = [
            peer for id, peer in paced(known.items(), pause) if peers.get(id) is not peer and not peer.gone
        ]
        with self._lock:
            self._part(leaving, now)
            self._peers = peers
        if len(peers) == len(endpoints):
            return list(peers.values())
        return [peers[endpoint.instance.instance_id] for endpoint in endpoints]

    def part(self, generations: Mapping[str, int], now: float) -> None:
        """`generations` of instances that changed; 0: it is not listed any more. Whoever has another one is out, as by `adopt`;
        newcomers wait for it. A service of thousands changes more often than all of it can be looked at."""
        with self._lock:
            found = ((self._peers.get(id), generation) for id, generation in generations.items())
            gone = [peer for peer, now_of in found if peer and not peer.gone and peer.generation != now_of]
            self._part(gone, now)

    def start(self, peer: Peer) -> None:
        """An attempt begins. Finish it, whatever becomes of it."""
        with self._lock:
            peer.outstanding += 1
            self.active += 1

    def finish(self, peer: Peer, outcome: Outcome, *, started: float, now: float, rng: Random) -> None:
        """How the attempt begun at `started` ended (s)."""
        with self._lock:
            peer.outstanding -= 1
            self.active -= 1
            if outcome is Outcome.SUCCESS:
                self._succeeded(peer, started, now)
            elif outcome is Outcome.CANCELLED:
                self._changed_if(peer, peer.out and peer.breaker.gave_up(now))
                self._changed_if(peer, peer.zone is not None and peer.zone.gave_up(started, now))
            else:
                self._failed(peer, outcome, started, now, rng)

    def sending(self, now: float) -> bool:
        """Whether a request may be on its way to an endpoint that has left: an attempt begun before is not over yet. After
        CLIENT_SENDING_S it is taken to have arrived, so that a long answer holds up nobody."""
        with self._lock:
            self._left = self._still_sending(now)
            return bool(self._left)

    def begin_retry(self) -> None:
        """A retry was decided on: it counts against the budget from now until it is over."""
        with self._lock:
            self.retries += 1

    def end_retry(self) -> None:
        with self._lock:
            self.retries -= 1

    def begin_trial(self, peer: Peer, now: float) -> bool:
        """Whether the next request may try an endpoint whose breaker is open, or whose zone is doubted: from here on, only this one."""
        with self._lock:
            tried = [each for each in (peer.breaker if peer.out else None, doubted(peer)) if each]
            if peer.record.ejected_at is not None or not all(each.ready(now) for each in tried):
                return False
            for each in tried:
                each.begin_trial(now, self.policy.timeouts.request or limits.BREAKER_TRIAL_S)
            self._changed(peer)
            return True

    def eject(self, peer: Peer, cause: Cause, now: float, *, jitter: float = 0.0) -> None:
        """Take it out, whatever else is out. It comes back as if outlier detection had done it."""
        with self._lock:
            self._take_out(peer, cause, now, jitter)

    def tick(self, now: float, rng: Random) -> None:
        """The sweep of outlier detection, if it is due."""
        if now >= self.due:
            with self._lock:
                self._sweep(now, rng)

    def turn(self, name: object, rng: Random) -> Callable[[], int]:
        """The counter of a rotation: it goes on where the last picker's stopped, and the first begins anywhere."""
        if name not in self._turns:
            if len(self._turns) >= limits.ZONES:
                self._turns.clear()
            self._turns[name] = count(rng.randrange(limits.STRIDE_WEIGHT))
        return self._turns[name].__next__

    def _part(self, leaving: Sequence[Peer], now: float) -> None:
        if not leaving:
            return
        for peer in leaving:
            peer.gone = peer.out = True
        self._left = self._still_sending(now) + [(peer, now) for peer in leaving]

    def _still_sending(self, now: float) -> list[tuple[Peer, float]]:
        """Those that left with requests under way, and when."""
        young = now - limits.CLIENT_SENDING_S
        return [(peer, since) for peer, since in self._left if peer.outstanding and since > young]

    def _sweep(self, now: float, rng: Random) -> None:
        terms = self.policy.outlier_detection
        self.due = now + terms.interval
        peers = {record: peer for peer in self._peers.values() if (record := peer.known_record)}
        for record in outliers.returning(peers, now, terms):
            record.readmit(now)
            self._changed(peers[record])
        for record in peers:
            for tally in record.tallies:
                tally.turn_over()
        if terms.enabled:
            for record, cause in list(outliers.unusual(peers, terms)):
                self._eject(peers[record], cause, now, rng)
        outliers.forgive(peers, now, terms)

    def _succeeded(self, peer: Peer, started: float, now: float) -> None:
        """What happens nearly always, and so takes the shortest way."""
        peer.succeeded_at = now
        if peer.known_breaker is not None and peer.known_breaker.succeeded(started):
            self._changed(peer)
        if peer.zone is not None and peer.zone.reached(started):
            self._changed(peer)
        peer.record.succeed(self.policy.outlier_detection)
        if self.policy.balancer.name == "p2c_peak_ewma":
            peer.latency.observe(now - started, now, self.policy.balancer.decay)

    def _failed(self, peer: Peer, outcome: Outcome, started: float, now: float, rng: Random) -> None:
        if outcome is Outcome.TIMEOUT:
            peer.latency.observe(now - started, now, self.policy.balancer.decay)
        terms = self.policy.breaker
        if terms.enabled:
            self._changed_if(peer, peer.breaker.failed(outcome, started, now, terms))
        if terms.enabled and terms.zone_failures and peer.zone is not None:
            if outcome in UNREACHED:
                self._changed_if(peer, peer.zone.missed(id(peer), outcome, started, now, terms))
            else:
                self._changed_if(peer, peer.zone.reached(started))
        if self.policy.outlier_detection.enabled:
            for cause in peer.record.count(MEANINGS[outcome], self.policy.outlier_detection):
                self._eject(peer, cause, now, rng)

    def _eject(self, peer: Peer, cause: Cause, now: float, rng: Random) -> None:
        """If the policy lets one more go, and the dice agree."""
        terms = self.policy.outlier_detection
        if peer.record.ejected_at is not None or not outliers.may_eject(*self._ejected(), terms):
            return
        if outliers.enforced(cause, terms, rng):
            self._take_out(peer, cause, now, rng.random() * terms.max_ejection_time_jitter)

    def _take_out(self, peer: Peer, cause: Cause, now: float, jitter: float) -> None:
        peer.record.eject(cause, now, self.policy.outlier_detection, jitter)
        self._changed(peer)

    def _ejected(self) -> tuple[int, int]:
        """How many are, of how many."""
        records = (peer.known_record for peer in self._peers.values())
        return sum(record is not None and record.ejected_at is not None for record in records), len(
            self._peers
        )

    def _zone(self, name: str) -> Doubt | None:
        """Who names no zone shares none with others."""
        if not name:
            return None
        if name not in self._zones and len(self._zones) >= limits.ZONES:
            self._zones.clear()
        return self._zones.setdefault(name, Doubt())

    def _changed(self, peer: Peer) -> None:
        peer.out = peer.gone or peer.record.ejected_at is not None or peer.breaker.state != "closed"
        self.version += 1

    def _changed_if(self, peer: Peer, changed: bool) -> None:
        if changed:
            self._changed(peer)


def doubted(peer: Peer) -> Doubt | None:
    """What we think of its zone, if that is not well."""
    return peer.zone if peer.zone is not None and peer.zone.stands else None
