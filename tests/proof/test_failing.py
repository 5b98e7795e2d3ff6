"""An instance that fails in one of the ways in which its lease goes on: callers find out by themselves, leave it alone but for trials,
and come back to it when a trial succeeds."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.proof.notes import Called, Note, Picked, failed, shares
from tests.proof.town import Member, Town, names

POLICY = """
balancer: {name: weighted_random}
timeouts: {request: 10s}
retries: {per_try_timeout: 2s, retry_on: [connect-failure, refused-stream, reset, 5xx]}
breaker: {max_open_time: 4s}
outlier_detection: {interval: 1s, base_ejection_time: 4s}
"""
OUT_S = 3.0
"""From the first failed call on."""
TRY_S = 2.0
"""What a first call may take to fail: `per_try_timeout`."""
TRIALS_PER_S = 1.0
"""Of one process, at most: a breaker stays open for a second and longer."""
LOOK_S = 6.0
CALLS = 600


@contextlib.contextmanager
def answering(member: Member, mode: str) -> Iterator[None]:
    member.behave(mode)
    try:
        yield
    finally:
        member.behave()


FAULTS = {
    "500": lambda member: answering(member, "500"),
    "hangs": lambda member: answering(member, "hang"),
    "says nothing": lambda member: member.mute(),
}


def withdrawn_and_back(town: Town, fault: str, callers: set[str]) -> None:
    bad = town.members["web-2"]
    began = time.monotonic()
    with FAULTS[fault](bad):
        out = began + TRY_S + OUT_S
        town.notes.until_called(1, since=out + LOOK_S)
        picked = trials(town, bad, out)
    healed = time.monotonic()
    town.notes.until_picked(bad.name, callers, since=healed)
    back = time.monotonic()
    town.notes.until(lambda notes: fair(notes, bad.name), since=back)
    even = time.monotonic()
    town.notes.until_called(CALLS, since=even)
    calls = [note for note in town.notes.since(began) if isinstance(note, Called)]
    share = shares(town.notes.since(even))
    print(
        f"{fault}: trials in {LOOK_S:g} s: {picked}; {len(calls)} calls, failed: {Counter(c.said for c in failed(calls))}"
    )
    print(
        f"{fault}: chosen again by all after {back - healed:.1f} s, share { ({k: round(v, 3) for k, v in sorted(share.items())}) }"
    )
    assert all(count <= TRIALS_PER_S * LOOK_S for count in picked.values())
    assert failed(calls, "GET") == []
    assert share == pytest.approx(dict.fromkeys(town.members, 1 / len(town.members)), abs=0.08)


def trials(town: Town, bad: Member, out: float) -> dict[str, int]:
    """Caller -> how often it chose this instance all the same, for `LOOK_S` from `out` on."""
    notes = (note for note in town.notes.since(out) if isinstance(note, Picked) and note.at < out + LOOK_S)
    return dict(Counter(note.by for note in notes if note.to == bad.name))


def fair(notes: list[Note], name: str) -> bool:
    """Whether it gets its part again, of the last hundred calls."""
    last = [note for note in notes if isinstance(note, Called)][-100:]
    return len(last) == 100 and sum(note.to == name for note in last) >= 10


@pytest.mark.parametrize(
    ("faults", "callers"),
    [
        pytest.param(("500",), ("httpx", "aiohttp"), id="slice"),
        pytest.param(
            tuple(FAULTS),
            ("httpx", "requests", "httpx-async", "aiohttp", "prefork"),
            id="whole",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_instance_that_fails_is_left_alone_until_it_heals(
    tmp_path: Path, faults: tuple[str, ...], callers: tuple[str, ...]
) -> None:
    with Town(tmp_path) as town:
        town.steer(POLICY)
        town.serve(*(f"web-{n}" for n in range(1, 6)))
        town.call(*callers)
        by = set(names(*callers))
        for name in town.members:
            town.notes.until_picked(name, by)
        for fault in faults:
            withdrawn_and_back(town, fault, by)
        town.hush()


@pytest.mark.slow
def test_without_a_policy_it_is_the_same_once_a_call_has_failed(tmp_path: Path) -> None:
    """By default a call has 15 s, and nobody gives up an attempt before."""
    callers = {"httpx", "httpx-async"}
    with Town(tmp_path) as town:
        town.serve(*(f"web-{n}" for n in range(1, 6)))
        town.call(*callers)
        for name in town.members:
            town.notes.until_picked(name, callers)
        bad, began = town.members["web-4"], time.monotonic()
        with bad.mute():
            town.notes.until(failed, since=began)
            out = min(call.over for call in failed(town.notes.since(began))) + OUT_S
            town.notes.until_called(1, since=out + LOOK_S)
            tried = trials(town, bad, out)
        healed = time.monotonic()
        town.notes.until_picked(bad.name, callers, since=healed)
        back = time.monotonic() - healed
        town.hush()
        calls = [note for note in town.notes.since(began) if isinstance(note, Called)]
    print(
        f"by default: trials in {LOOK_S:g} s: {tried}; of {len(calls)} calls failed: {len(failed(calls))}; back after {back:.1f} s"
    )
    assert all(count <= TRIALS_PER_S * LOOK_S for count in tried.values())
