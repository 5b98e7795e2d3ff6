"""The checker finds each kind of broken promise, and nothing in a history that keeps them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.cuts.checker import violations
from tests.cuts.notes import Ending, Note, Opened, Refused, Said, Told, Wrote

from muster.wire import view as views

A, B = Said("a", 1, 1, 1), Said("b", 2, 2, 1)
A2, A3 = Said("a", 3, 3, 2), Said("a", 4, 4, 3)
LIVE = Said("live-0", 2, 2, 1)


def opened(after: str = "", by: str = "w", replica: str = "r1") -> Opened:
    return Opened(0.0, by, replica, after)


def wrote(said: Said, at: float = 0.0, epoch: str = "e") -> Wrote:
    return Wrote(at, "web", said.id, said.serial, epoch, said.generation)


def told(kind: str, revision: int, *instances: Said, by: str = "w", **more: object) -> Told:
    mark, epoch = more.pop("mark", f"e:{revision}"), more.pop("epoch", "e")
    return Told(0.0, by, kind, epoch, mark, revision, "web", instances, **more)  # type: ignore[arg-type]


def alive(revision: int, *held: Said, by: str = "w") -> Told:
    digest = views.digest(views.digest_term(s.id, s.generation, s.revision) for s in held)
    return told("alive", revision, by=by, digest=f"{digest:016x}")


def ending(
    *instances: Said, replica: str = "r1", gone: Iterable[tuple[str, str]] = (), epoch: str = "e"
) -> Ending:
    return Ending(replica, "web", epoch, instances, tuple(gone))


def broken(*notes: Note, forgotten: tuple[float, float] = (0.0, -1.0)) -> set[str]:
    return {violation.promise for violation in violations(notes, forgotten=forgotten)}


BEGUN = (wrote(A), wrote(B), opened(), told("snapshot", 2, A, B))


KEPT: dict[str, tuple[Note, ...]] = {
    "a snapshot, a change, a pulse, the end": (
        *BEGUN, wrote(A2), told("upsert", 3, A2), alive(3, A2, B), ending(A2, B), ending(A2, B, replica="r2"),
    ),
    "a state is skipped": (*BEGUN, wrote(A2), wrote(A3), told("upsert", 4, A3), ending(A3, B)),
    "a state in two messages": (
        *BEGUN, wrote(A2), told("upsert", 3, A2, mark="e:2", more=True),
        told("remove", 3, gone=(("b", "removed"),)), alive(3, A2),
    ),
    "a stream resumed at another replica": (
        *BEGUN, opened("e:2", replica="r2"), told("resumed", 2), wrote(A2), told("upsert", 3, A2), alive(3, A2, B),
    ),
    "a stream begun again with a snapshot": (*BEGUN, opened("e:2"), wrote(A2), told("snapshot", 3, A2, B)),
    "another history, of lower revisions": (
        *BEGUN, told("reset", 0, epoch="f", mark="e:2"), wrote(A, epoch="f"), told("snapshot", 1, A, epoch="f", mark="f:1"),
    ),
    "a registration whose answer was lost": (wrote(A), opened(), told("snapshot", 3, A2), ending(A2)),
    "somebody dead who has left": (wrote(Said("dead-1", 1, 1, 1)), ending(A)),
}  # fmt: skip


@pytest.mark.parametrize("notes", KEPT.values(), ids=KEPT)
def test_a_history_that_keeps_every_promise(notes: tuple[Note, ...]) -> None:
    assert violations(notes) == []


BROKEN: dict[str, tuple[str, tuple[Note, ...]]] = {
    "an instance goes back": ("ordered", (*BEGUN, told("upsert", 4, A3), told("upsert", 5, A2))),
    "a mark goes back": ("ordered", (*BEGUN, told("alive", 1, digest=alive(2, A, B).digest))),
    "a snapshot is older than what was told": (
        "ordered", (opened(), told("snapshot", 3, A2), opened("e:3"), told("snapshot", 1, A)),
    ),
    "an instance of a later state": ("ordered", (opened(), told("snapshot", 2, A3))),
    "another epoch without a reset": ("ordered", (*BEGUN, told("snapshot", 3, A, epoch="f", mark="f:3"))),
    "an upsert twice": ("unique", (*BEGUN, told("upsert", 3, A2), told("upsert", 3, A2))),
    "an upsert repeated after resuming": (
        "unique", (*BEGUN, told("upsert", 3, A2), opened("e:3"), told("resumed", 3), told("upsert", 3, A2)),
    ),
    "somebody leaves twice": ("unique", (*BEGUN, *[told("remove", 3, gone=(("a", "removed"),))] * 2)),
    "half of a transaction": (
        "atomic", (wrote(Said("a", 5, 5, 1)), wrote(Said("b", 5, 5, 1)), opened(), told("snapshot", 5, Said("a", 5, 5, 1))),
    ),
    "a mark above what was told": ("bookmarkable", (*BEGUN, wrote(A2), alive(3, A, B))),
    "a state that leaves something out": ("bookmarkable", (*BEGUN, wrote(A2), told("upsert", 4, Said("c", 4, 4)))),
    "another digest": ("reliable", (*BEGUN, alive(2, A))),
    "the last state never comes": ("reliable", (*BEGUN, wrote(A2), ending(A2, B))),
    "a stream that begins in the middle": ("resumable", (opened(), told("upsert", 1, A))),
    "resumed before where the reader was": ("resumable", (*BEGUN, opened("e:2"), told("resumed", 1, mark="e:2"))),
    "resumed from nowhere": ("resumable", (opened(), told("resumed", 1))),
    "two tell different things of one revision": (
        "agreed", (opened(), told("snapshot", 2, A, B), opened(by="v"), told("snapshot", 2, A, by="v")),
    ),
    "two replicas end differently": ("agreed", (ending(A), ending(A, B, replica="r2"))),
    "two histories at the end": ("agreed", (ending(A), ending(A, replica="r2", epoch="f"))),
    "an acknowledged registration is gone": ("lost", (wrote(A), ending(B))),
    "an acknowledged registration was overwritten by an older one": ("lost", (wrote(A), wrote(A2), ending(A))),
    "somebody alive leaves": ("expired", (opened(), told("snapshot", 2, LIVE), told("remove", 3, gone=(("live-0", "expired"),)))),
    "somebody alive is listed as expired": ("expired", (ending(gone=[("live-0", "expired")]),)),
    "somebody alive is told that nobody knows him": ("expired", (Refused(0.0, "live-0", "404"),)),
    "the dead stay": ("dead", (wrote(Said("dead-1", 1, 1, 1)), ending(Said("dead-1", 1, 1, 1)))),
}  # fmt: skip


@pytest.mark.parametrize(("promise", "notes"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_promise_is_found(promise: str, notes: tuple[Note, ...]) -> None:
    assert broken(*notes) == {promise}


def test_what_was_acknowledged_after_the_snapshot_may_be_gone_with_it() -> None:
    history = (wrote(A, at=1.0), wrote(A2, at=3.0), ending(A))
    assert broken(*history) == {"lost"}
    assert broken(*history, forgotten=(2.0, 4.0)) == set()
    assert broken(wrote(A, at=1.0), ending(B), forgotten=(2.0, 4.0)) == {"lost"}
