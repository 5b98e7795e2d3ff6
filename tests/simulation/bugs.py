"""Bugs to plant, each one that somebody could write: a simulator that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from muster.core.feed import Feed
from muster.core.lease import Lease
from muster.core.leases import Leases
from muster.core.outcomes import Outcomes
from muster.core.state import Change, ServiceKey, State
from muster.core.verdicts import Verdicts
from muster.model.record import Record
from muster.registry.drain import Subscribers


def silence_is_proof(self: Verdicts, *_: object) -> bool:
    return False


def a_queued_expiry_cannot_be_called_off(self: Outcomes, lease: Lease | None, command: object) -> bool:
    if lease is not None:
        lease.phase = "expiring"
    return lease is not None


def a_revival_leaves_the_lease_as_it_was(self: Leases, lease: Lease, now: float) -> None:
    pass


def the_newest_record_dates_its_service(self: State, records: Iterable[tuple[Record, int]]) -> None:
    head = self.revision
    for record, at in records:
        self.apply(at, [(record.key, record)])
    self.revision = head


def a_feed_forgets_one(self: Feed, service: ServiceKey, revision: int) -> list[Change] | None:
    changes = [change for change in self._by_service.get(service, ()) if change.revision > revision]
    return changes[:-1] if len(changes) > 1 else changes


def everybody_has_acknowledged(self: Subscribers, service: ServiceKey, revision: int) -> list[Any]:
    return []


BUGS: dict[str, tuple[type, str, Callable[..., Any], str]] = {
    bug.__name__: (where, name, bug, promise)
    for where, name, bug, promise in (
        (Verdicts, "blind", silence_is_proof, "blindness withdraws nobody"),
        (Outcomes, "_begin_expiry", a_queued_expiry_cannot_be_called_off, "no lease expires early"),
        (Leases, "keep", a_revival_leaves_the_lease_as_it_was, "no lease expires early"),
        (State, "load", the_newest_record_dates_its_service, "revisions never go back"),
        (Feed, "since", a_feed_forgets_one, "a mirror never diverges"),
        (Subscribers, "_missing", everybody_has_acknowledged, "a safe drain is known to every subscriber"),
    )
}
"""name -> (where it is planted, in which method, the bug, the promise it breaks)."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    where, method, bug, _ = BUGS[name]
    sound = getattr(where, method)
    setattr(where, method, bug)
    try:
        yield
    finally:
        setattr(where, method, sound)
