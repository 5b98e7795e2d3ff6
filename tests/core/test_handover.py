"""Leases change hands with the roster. What the grace of a takeover is good for is in `test_inquiry`."""

from muster.core.handover import Handover
from muster.core.leases import Leases
from muster.core.ownership import Roster
from muster.core.state import entry_of
from muster.model import limits
from muster.testing.builders import instance, record

ALONE = Roster("us", frozenset({"us"}), 1)
BOTH = Roster("us", frozenset({"us", "them"}), 2)


def registered(*ids: str) -> Leases:
    leases = Leases(ALONE)
    for each in ids:
        leases.follow(entry_of(record(instance(each), generation=1), 1), 0.0)
    return leases


def test_who_owns_many_leases_is_looked_at_a_part_at_a_time() -> None:
    leases = registered(*(f"i{n}" for n in range(3 * limits.ASSIGNED_PER_TICK)))
    handover = Handover(leases)
    handover.assign(BOTH, 1.0)
    turns = 1
    while handover.next_deadline() is not None:
        handover.go_on(1.0)
        turns += 1
    ours = [key for key in leases if BOTH.mine(key)]
    assert (turns, leases.owned) == (3, len(ours))


def test_a_roster_that_was_only_rewritten_changes_nothing() -> None:
    leases = registered("web-1")
    handover = Handover(leases)
    deadline = leases.next_deadline()
    handover.assign(Roster("us", frozenset({"us"}), 2), 1.0)
    assert (leases.roster.revision, leases.next_deadline(), handover.next_deadline()) == (2, deadline, None)
