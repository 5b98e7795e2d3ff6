"""Every instance has one owner, all replicas agree on it, and few change hands when one comes or goes."""

from collections import Counter

from muster.core.ownership import ALONE, Roster

KEYS = [f"default/web-{n}" for n in range(3_000)]


def roster(me: str, *members: str) -> Roster:
    return Roster(me, frozenset(members))


def test_a_registry_that_is_alone_owns_everything() -> None:
    assert ALONE.mine("default/a")
    assert not ALONE.others


def test_a_replica_that_has_not_joined_owns_nothing() -> None:
    assert not roster("a").mine("default/x")
    assert not roster("a", "b").mine("default/x")


def test_every_instance_has_exactly_one_owner() -> None:
    replicas = [roster(me, "a", "b", "c") for me in "abc"]
    assert all(sum(each.mine(key) for each in replicas) == 1 for key in KEYS)


def test_who_rests_owns_nothing_and_is_asked_all_the_same() -> None:
    resting = Roster("a", frozenset("ab"), 1, frozenset("c"))
    assert resting.others == {"b", "c"}
    assert {resting.owner(key) for key in KEYS} == {"a", "b"}


def test_owners_have_about_the_same_number() -> None:
    owned = Counter(roster("a", "a", "b", "c").owner(key) for key in KEYS)
    assert all(850 < count < 1150 for count in owned.values())


def test_only_what_was_the_lost_ones_changes_hands() -> None:
    before, after = roster("a", "a", "b", "c"), roster("a", "a", "b")
    assert all(after.owner(key) == before.owner(key) for key in KEYS if before.owner(key) != "c")
