"""All the traffic of a `Discovery`: one `Traffic` for every service and port that is called, and the thread that keeps their
pickers up to date.

`table` is what a pick looks into: by service, or by service and port. Readers take no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from random import Random

from muster.model import limits, names
from muster.model.policy import DEFAULT, Policy
from muster.policy.endpoint import Place

from .reports import Reports
from .state import Snapshot
from .status import Tally
from .tracing import Tracing
from .traffic import Traffic

Route = str | tuple[str, str]


class Dispatch:
    """`policies`: of services whose policy this process decides itself, whatever the registry has. Raises ValueError for what is none,
    `Rejected` for a place where no instance can be."""

    def __init__(
        self,
        place: Place,
        policies: Mapping[str, Policy],
        reports: Reports,
        *,
        clock: Callable[[], float],
        rng: Random,
        tracing: Tracing | None = None,
    ) -> None:
        self.place = Place(
            names.text(place.zone or "", "zone", limits.LABEL_CHARS),
            names.text(place.region or "", "region", limits.LABEL_CHARS),
        )
        self.table: dict[Route, Traffic] = {}
        for service, policy in policies.items():
            if not isinstance(policy, Policy):
                raise ValueError(
                    f"the policy of {service} is a {type(policy).__name__}, not a muster.model.policy.Policy"
                )
        self._own = dict(policies)
        self._reports = reports
        self._clock = clock
        self._rng = rng
        self._tracing = tracing
        self._lock = threading.RLock()
        self._stale: SimpleQueue[Traffic | None] = SimpleQueue()
        self._over = threading.Event()

    def __repr__(self) -> str:
        return f"<Dispatch of {len(self.table)} services and ports from {self.place}>"

    def policy(self, snapshot: Snapshot) -> Policy:
        """What this process obeys."""
        return self._own.get(snapshot.service) or snapshot.policy or DEFAULT

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot, before readers have it."""
        with self._lock:
            known = self._of(snapshot.service)
            if not known:
                self.table[snapshot.service] = self._made(snapshot, None)
        for traffic in known:
            traffic.show(snapshot, self.policy(snapshot))

    def find(self, snapshot: Snapshot, port: str | None) -> Traffic:
        """The traffic to a port, made when it is first asked for."""
        service = snapshot.service
        route: Route = service if port is None else (service, port)
        with self._lock:
            known = self.table.get(route)
            if known is not None:
                return known
            made = self._made(snapshot, port)
            if len(self._of(service)) < limits.CLIENT_PORTS or (not made.empty and self._vacate(service)):
                self.table[route] = made
            return made

    def tallies(self, service: str) -> dict[str, Tally]:
        """By port; copies."""
        with self._lock:
            return {traffic.port or "": traffic.tally.copy() for traffic in self._of(service)}

    def in_rotation(self, service: str) -> int:
        """How many instances get calls at their first port."""
        traffic = self.table.get(service)
        return len({endpoint.id for endpoint, _ in traffic.shares()}) if traffic else 0

    def sending(self, service: str) -> bool:
        """Whether a request may be on its way to an instance that readers no longer have."""
        with self._lock:
            known = self._of(service)
        return any(traffic.memory.sending(self._clock()) for traffic in known)

    def run(self) -> None:
        """A thread: makes those pickers anew that are out of date."""
        while (traffic := self._stale.get()) is not None:
            if (wait := traffic.wait) > 0:
                self._over.wait(min(wait, limits.CLIENT_BUILD_LATE_S))
            traffic.rebuild()

    def stop(self) -> None:
        """From any thread, and at the interpreter's exit: `run` returns soon. Waits for nothing."""
        self._over.set()
        self._stale.put(None)
        self._reports.stop()

    def join(self, timeout: float) -> None:
        """After `stop`: until nothing of this is under way any more."""
        self._reports.join(timeout)

    def forked(self) -> None:
        """In the child: calls under way are the parent's, and locks may be held by threads that do not exist here."""
        for traffic in self.table.values():
            traffic.forked()
        self.table.clear()
        self._lock = threading.RLock()
        self._stale = SimpleQueue()
        self._over = threading.Event()
        self._reports.forked()

    def _made(self, snapshot: Snapshot, port: str | None) -> Traffic:
        return Traffic(
            snapshot,
            port,
            self.policy(snapshot),
            place=self.place,
            clock=self._clock,
            rng=self._rng,
            ask=self._stale.put,
            suspect=self._reports.tell,
            tracing=self._tracing,
        )

    def _vacate(self, service: str) -> bool:
        """Names that nobody has are forgotten for one that somebody has: there may be any number of them. False if there is none."""
        for route, traffic in self.table.items():
            if traffic.service == service and traffic.port is not None and traffic.empty:
                del self.table[route]
                return True
        return False

    def _of(self, service: str) -> list[Traffic]:
        return [traffic for traffic in self.table.values() if traffic.service == service]
