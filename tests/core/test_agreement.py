"""What a service was at an earlier revision, and what cannot be right by what the store says."""

from random import Random

import pytest

from muster.core.agreement import Tally, differing, holding, removed, stale
from muster.core.feed import Feed
from muster.core.state import Entry, ServiceKey, State, entry_of
from muster.model.record import Record
from muster.testing.builders import instance, record

WEB = ServiceKey("default", "web")


def entry(revision: int) -> Entry:
    return entry_of(record(instance("a"), generation=1), revision)


def tally(state: State, feed: Feed, service: ServiceKey, revision: int) -> Tally | None:
    held = holding(state, feed, service, revision)
    return held.tally(sum(each.term for each in held.entries)) if held else None


def some_writes(rng: Random) -> list[tuple[str, Record | None]]:
    """Instances that come, change, go, and move to another service."""
    ids = rng.sample("abcdef", rng.randint(1, 3))
    return [
        (
            f"default/{id}",
            record(instance(id, rng.choice(("web", "api"))), generation=1) if rng.random() < 0.7 else None,
        )
        for id in ids
    ]


def test_whoever_is_ahead_knows_what_he_held_before() -> None:
    rng = Random(7)
    state, feed = State("e", 0), Feed(0)
    then: dict[tuple[ServiceKey, int], Tally | None] = {}
    for revision in range(1, 200):
        feed.append(state.apply(revision, some_writes(rng)))
        then.update({(name, revision): tally(state, feed, name, revision) for name in state.services()})
    assert {at: tally(state, feed, *at) for at in then} == then


def test_what_the_feed_has_forgotten_is_not_compared() -> None:
    state, feed = State("e", 0), Feed(0, room=1)
    for revision in (1, 2, 3):
        feed.append(state.apply(revision, [("default/a", record(instance("a"), generation=1))]))
    assert [holding(state, feed, WEB, at) is None for at in (0, 1, 2, 3)] == [True, True, False, False]


def test_services_differ_by_number_or_digest_and_only_where_both_know() -> None:
    a, b, c = (Tally("default", name, 1, 1) for name in "abc")
    other = Tally("default", "b", 1, 2)
    assert differing([a, b, c], [a, other]) == [(b, other)]


@pytest.mark.parametrize(
    ("held", "at", "wrong"),
    [
        (entry(5), 5, False),
        (entry(5), 7, True),
        (entry(5), 0, True),
        (entry(9), 7, False),
        (entry(9), 0, False),
        (None, 0, False),
        (None, 7, True),
    ],
    ids=["same", "missed a write", "missed a removal", "newer", "new", "neither", "missed a registration"],
)
def test_a_record_is_wrong_if_the_store_had_another_one_then(
    held: Entry | None, at: int, wrong: bool
) -> None:
    assert stale(held, at, loaded=8) is wrong


@pytest.mark.parametrize(("loaded", "may_be"), [(1, True), (2, False)])
def test_what_was_removed_since_is_not_missing(loaded: int, may_be: bool) -> None:
    state, feed = State("e", 0), Feed(0)
    known: Record = record(instance("a"), generation=1)
    feed.append(state.apply(1, [("default/a", known)]))
    feed.append(state.apply(2, [("default/a", None)]))
    assert removed(feed, known, loaded) is may_be
