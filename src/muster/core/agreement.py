"""Whether two replicas hold the same, service by service, at one revision; and what is wrong in a state, by what the store says. Pure.

A tally is a digest like that of a watch, over every instance of a service, of whatever status. Two replicas are hardly ever at the same
revision when they compare, so whoever is ahead takes back from his what the feed says has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from muster.model.record import Record
from muster.wire.view import DIGEST_MODULUS

from .feed import Feed
from .state import Change, Entry, ServiceKey, State


class Tally(Struct, frozen=True):
    """How many instances a service has, and the digest of them all."""

    namespace: str
    service: str
    instances: int
    digest: int

    @property
    def key(self) -> ServiceKey:
        return ServiceKey(self.namespace, self.service)


class Holding(Struct, frozen=True):
    """What a service consists of now, and what changed in it since the revision that is asked about."""

    service: ServiceKey
    entries: Sequence[Entry]
    since: Sequence[Change] = ()

    def tally(self, total: int) -> Tally:
        """As of that revision. `total` is the sum of the entries' terms, made by whoever has the time."""
        before = [change.before.term for change in self.since if change.before is not None]
        after = [change.after.term for change in self.since if change.after is not None]
        return Tally(
            self.service.namespace,
            self.service.name,
            len(self.entries) + len(before) - len(after),
            (total + sum(before) - sum(after)) % DIGEST_MODULUS,
        )


def holding(state: State, feed: Feed, service: ServiceKey, revision: int) -> Holding | None:
    """None: what changed since `revision` is no longer known."""
    since = feed.since(service, revision)
    return None if since is None else Holding(service, state.held(service), since)


def differing(mine: Iterable[Tally], theirs: Iterable[Tally]) -> list[tuple[Tally, Tally]]:
    """(mine, theirs) of the services whose tallies are not the same."""
    there = {tally.key: tally for tally in theirs}
    return [(tally, there[tally.key]) for tally in mine if there.get(tally.key, tally) != tally]


# --- Against the store ------------------------------------------------------------------------------------------------


class Fix(Struct, frozen=True):
    """What is held of a record is wrong: the store has it as `record`, last written at `at`. None, 0: the store has none."""

    key: str
    held: Entry | None
    record: Record | None
    at: int

    def __repr__(self) -> str:
        return f"<Fix {self.key} @{self.held.revision if self.held else 0} -> @{self.at}>"


def stale(held: Entry | None, at: int, loaded: int) -> bool:
    """Whether `held`, of a state that has reached the revision `loaded`, cannot be right, if the store had the record as of `at` then.

    Where nothing is held it may have been removed since: see `removed`.
    """
    return (held.revision if held else 0) != at and (held is None or held.revision <= loaded)


def removed(feed: Feed, record: Record, loaded: int) -> bool:
    """Whether the record may have been removed after `loaded`."""
    instance = record.instance
    since = feed.since(ServiceKey(instance.namespace, instance.service), loaded)
    return since is None or any(change.id == instance.id for change in since)
