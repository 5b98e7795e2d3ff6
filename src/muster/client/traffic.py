"""One port of one service, as this process calls it: its policy, what was seen of its endpoints, and the picker made of both.

A pick reads the picker and takes no lock. Pickers are made in the background: with every snapshot, and again when a call has
taken an endpoint out or a deadline has passed. One that is out of date passes over whoever left since, so a service whose
picker costs much is built for several changes at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from random import Random

from muster.model import limits
from muster.model.policy import Policy
from muster.policy.building import build
from muster.policy.endpoint import Place
from muster.policy.explain import Explanation, explain
from muster.policy.memory import Memory, Peer, doubted
from muster.policy.outcome import MEANINGS, Outcome
from muster.policy.picker import Picker
from muster.policy.rotation import Key

from .endpoint import Endpoint
from .errors import NOBODY, NoEndpoint
from .state import Snapshot
from .status import Tally
from .tracing import Tracing

Ask = Callable[["Traffic"], None]
"""Have the picker made anew, soon and elsewhere."""
Suspect = Callable[[Endpoint], None]
"""A call of this endpoint failed in a way that the registry should know of."""


class Traffic:
    """`port`: the name of the endpoints called; None: each instance's first. Shared by all threads."""

    __slots__ = (
        "_ask",
        "_asked",
        "_building",
        "_earliest",
        "_picker",
        "_suspect",
        "clock",
        "memory",
        "place",
        "policy",
        "port",
        "rng",
        "snapshot",
        "tally",
        "tracing",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        port: str | None,
        policy: Policy,
        *,
        place: Place,
        clock: Callable[[], float],
        rng: Random,
        ask: Ask,
        suspect: Suspect,
        tracing: Tracing | None,
    ) -> None:
        self.snapshot = snapshot
        self.port = port
        self.policy = policy
        self.place = place
        self.clock = clock
        self.rng = rng
        self.tally = Tally()
        self.tracing = tracing
        self.memory = Memory(policy, clock(), threading.RLock())  # a signal's handler may call somebody, too
        self._ask = ask
        self._suspect = suspect
        self._asked = False
        self._building = threading.RLock()
        self._picker = self._build()

    def __repr__(self) -> str:
        return f"<Traffic to {self.service}{f' {self.port}' if self.port else ''}, {self._picker!r}>"

    @property
    def service(self) -> str:
        return self.snapshot.service

    def pick(
        self,
        key: Key | None,
        headers: Mapping[str, str] | None,
        subset: str | None,
        avoid: Collection[Endpoint],
    ) -> Endpoint | None:
        """None: nobody, and `nobody` says why."""
        now, picker = self.clock(), self._picker
        if not picker.fresh(now):
            self.ask()
        peers = () if not avoid else [one.peer for one in avoid if one.peer is not None]
        choice = picker.pick(self.rng, now, key=key, headers=headers, subset=subset, avoid=peers)
        if choice.peer.gone if choice is not None else self._asked:
            self.rebuild()  # it knows nobody else: better to wait for a build than to call whoever has left, or nobody who has come
            choice = self._picker.pick(self.rng, now, key=key, headers=headers, subset=subset, avoid=peers)
        if choice is None:
            return None
        self.tally.picks += 1
        chosen = choice.endpoint
        return Endpoint(chosen.host, chosen.port, chosen.instance, choice.peer, self)

    def count(self, reason: str) -> None:
        """A pick in vain."""
        self.tally.nobody[reason] = self.tally.nobody.get(reason, 0) + 1

    def nobody(self, subset: str | None, age: float | None) -> NoEndpoint:
        """Why there was nothing to pick, counted."""
        reason, detail = NOBODY[self._picker.reason(subset)], ""
        listed = self.snapshot.endpoints
        if reason == "no_subset":
            detail = subset or ""
        elif reason == "no_healthy" and not (self.snapshot.exists or listed):
            reason = "absent"
        elif reason == "no_healthy" and listed and not self._endpoints():
            reason, detail = "no_port", self.port or ""
        self.count(reason)
        return NoEndpoint(self.service, reason, age=age, detail=detail)

    @property
    def empty(self) -> bool:
        """Whether nobody has this port."""
        return self._picker.reason() == "empty"

    def shares(self) -> Iterator[tuple[Endpoint, float]]:
        """Who gets which part of the calls in the long run."""
        for choice, share in self._picker.shares():
            yield choice.endpoint, share

    def explain(self) -> list[Explanation]:
        """One for each endpoint of the snapshot."""
        with self._building:
            picker, endpoints, now = self._picker, self._endpoints(), self.clock()
            peers = self.memory.adopt(endpoints, now, _Pauses(endpoints))
        return explain(picker, list(zip(endpoints, peers, strict=True)), self.policy, self.place, now)

    def start(self, endpoint: Endpoint, peer: Peer) -> float:
        """An attempt begins. Returns when."""
        self.memory.start(peer)
        self.tally.attempts += 1
        if self.place.zone and endpoint.instance.zone != self.place.zone:
            self.tally.crossed += 1
        return self.clock()

    def finish(self, endpoint: Endpoint, peer: Peer, outcome: Outcome, started: float) -> None:
        """It is over. Whoever is taken out for it is passed over from this moment on, by every thread; and so is a zone."""
        was_out, was_doubted = peer.out, doubted(peer)
        self.memory.finish(peer, outcome, started=started, now=self.clock(), rng=self.rng)
        if peer.out is not was_out:
            self.tally.ejections += peer.out
            self.ask()
        if outcome is Outcome.SUCCESS:
            return
        if doubted(peer) is not None and was_doubted is None:
            self.rebuild()  # many are out at once: better to wait for a build than to try one after the other
        if MEANINGS[outcome].suspect:
            self._suspect(endpoint)

    def show(self, snapshot: Snapshot, policy: Policy) -> None:
        """What the registry says now. When this returns, nobody is picked any more who is not in it, and `policy` is obeyed."""
        with self._building:
            self.snapshot = snapshot
            steered = policy != self.policy
            if steered:
                self.policy = policy
                self.memory.obey(policy)
            if steered or self.clock() >= self._earliest:
                self._picker = self._build()
                return
            if snapshot.changes is None:
                endpoints = self._endpoints()
                self.memory.adopt(endpoints, self.clock(), _Pauses(endpoints))
            else:
                self.memory.part(snapshot.changes, self.clock())
        self.ask()

    def forked(self) -> None:
        """In the child, which may still have endpoints and attempts of this."""
        self.memory.shared_by(threading.RLock())
        self._building = threading.RLock()

    def rebuild(self) -> None:
        with self._building:
            self._picker = self._build()

    def ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._ask(self)

    @property
    def wait(self) -> float:
        """How long to put the next build off (s)."""
        return self._earliest - self.clock()

    def _build(self) -> Picker[Endpoint]:
        began = self.clock()
        self._asked = False
        endpoints = self._endpoints()
        pauses = _Pauses(endpoints)
        picker = build(endpoints, self.policy, self.place, self.memory, began, self.rng, pause=pauses)
        took = self.clock() - began - pauses.slept
        dear = took > limits.CLIENT_BUILD_QUICK_S
        self._earliest = began + min(dear * took / limits.CLIENT_BUILD_SHARE, limits.CLIENT_BUILD_LATE_S)
        return picker

    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Those with this port; an instance that was registered without any is no address to call."""
        if self.port is None:
            return tuple(one for one in self.snapshot.endpoints if one.port)
        return tuple(
            Endpoint(one.host, named.port, one.instance)
            for one in self.snapshot.endpoints
            for named in one.instance.endpoints
            if named.port and named.name == self.port
        )


class _Pauses:
    """Where there are many endpoints, the thread that looks at them gives way to whoever waits for the interpreter: that one would take
    it from us after 5 ms only (`sys.getswitchinterval`), and a pick is due now."""

    __slots__ = ("_long", "slept")

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._long = len(endpoints) > limits.BUILD_SLICE
        self.slept = 0.0

    def __call__(self) -> None:
        if self._long:
            began = time.perf_counter()
            time.sleep(limits.CLIENT_BUILD_PAUSE_S)  # noqa: TID251 - a moment in the middle of work; there is nothing to wait for
            self.slept += time.perf_counter() - began
