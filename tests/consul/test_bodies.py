"""Bodies that are kept: by owner and key, by number and bytes."""

from __future__ import annotations

import random

from muster.consul.bodies import Bodies
from muster.model import limits


def never() -> bytes:
    raise AssertionError("it was kept")


def test_a_body_is_made_once_for_each_owner_and_key() -> None:
    bodies = Bodies()
    made = [bodies.get("a", 1, lambda: b"x"), bodies.get("a", 1, never), bodies.get("b", 1, lambda: b"y")]
    assert made == [b"x", b"x", b"y"]
    bodies.forget("a")
    assert bodies.get("a", 1, lambda: b"new") == b"new"
    assert (bodies.get("b", 1, never), bodies.bytes) == (b"y", 4)


def test_the_one_asked_for_longest_ago_goes_first_and_a_large_one_is_kept_alone() -> None:
    bodies = Bodies(10)
    for owner in "abc":
        bodies.get(owner, 1, lambda: b"....")
    assert (len(bodies), bodies.bytes) == (2, 8)
    bodies.get("b", 1, never)
    bodies.get("d", 1, lambda: b"....")
    bodies.get("b", 1, never)
    bodies.get("e", 1, lambda: 50 * b".")
    assert (len(bodies), bodies.get("e", 1, never)) == (1, 50 * b".")


def test_an_owner_keeps_so_many_and_nothing_piles_up() -> None:
    bodies, rng = Bodies(5_000), random.Random(11)
    for _ in range(5_000):
        owner, key, size = rng.randrange(4), rng.randrange(500), rng.randrange(30)
        bodies.get(owner, key, lambda size=size: bytes(size))  # type: ignore[misc]
        if rng.random() < 0.01:
            bodies.forget(owner)
        assert bodies.bytes <= 5_000
        assert len(bodies) <= 4 * limits.CONSUL_BODIES_PER_VIEW
    for owner in range(4):
        bodies.forget(owner)
    assert (len(bodies), bodies.bytes) == (0, 0)
