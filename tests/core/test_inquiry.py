"""Where others hear heartbeats too, nothing follows from silence before they were asked."""

from random import Random

import pytest

from muster.core.commands import Expire, MarkOverdue, Revive
from muster.core.decide import NOTHING, decide
from muster.core.inquiry import Reply
from muster.core.lease import Lease
from muster.core.machine import Machine
from muster.core.outbox import Question
from muster.core.ownership import Roster
from muster.core.renewal import Renewal
from muster.testing.builders import instance, record

KEY = "default/a"
US = Roster("us", frozenset({"us"}), 1)


def both(owner: str) -> Roster:
    """A roster of two of which `owner` owns the instance."""
    names = (f"peer-{n}" for n in range(100))
    other = next(name for name in names if Roster("us", frozenset({"us", name})).mine(KEY) == (owner == "us"))
    return Roster("us", frozenset({"us", other}), 7)


def machine(roster: Roster) -> Machine:
    """Holds one instance with a lease of 30 s, loaded at 0."""
    made = Machine(Random(1))
    made.assign(roster, 0.0)
    made.load([(record(instance("a"), generation=5), 5)], 5, "epoch", 0.0, 0)
    return made


def questions(made: Machine, now: float) -> list[Question]:
    made.tick(now, 0)
    turn = made.take()
    assert not [command for command in turn.commands if isinstance(command, Expire | MarkOverdue)]
    return turn.questions


def commands(made: Machine) -> list[object]:
    return [each for each in made.take().commands if isinstance(each, Expire | MarkOverdue)]


def test_nobody_asks_about_what_is_anothers() -> None:
    assert questions(machine(both("them")), 100.0) == []


def test_who_was_heard_elsewhere_is_not_overdue() -> None:
    made = machine(both("us"))
    (question,) = questions(made, 16.0)
    made.answered(Reply(question, 2.0, 7), 16.0, 0)
    assert commands(made) == []
    lease = made.leases.get(KEY)
    assert lease is not None
    assert (lease.phase, lease.heard) == ("held", 14.0)


def test_who_was_heard_nowhere_is_overdue_and_then_expires_as_it_was_asked_about() -> None:
    made = machine(both("us"))
    (question,) = questions(made, 16.0)
    made.answered(Reply(question, None, 7), 16.0, 0)
    assert commands(made) == [MarkOverdue(KEY, 5, 0)]
    made.tick(31.0, 0)
    (last,) = made.take().questions
    assert last.binding
    made.answered(Reply(last, None, 7), 31.0, 0)
    assert commands(made) == [Expire(KEY, 5, 0, seen=5, roster=7)]


def test_a_question_that_stays_open_is_asked_again() -> None:
    made = machine(both("us"))
    (question,) = questions(made, 16.0)
    made.inquiry.unanswered(question, 16.0)
    assert questions(made, 17.5) == [question]


def test_an_age_that_was_only_assumed_is_no_hearing() -> None:
    made = machine(both("them"))
    assert made.inquiry.asked(Question(KEY, 5, 5), 3.0) is None
    assert made.renew(KEY, 5, b"", 4.0, 0) is Renewal.RENEWED
    assert made.inquiry.asked(Question(KEY, 5, 5), 6.0) == pytest.approx(2.0)


def test_who_said_no_writes_before_the_next_heartbeat_is_acknowledged() -> None:
    made = machine(both("them"))
    assert made.inquiry.asked(Question(KEY, 5, 5, binding=True), 40.0) is None
    assert made.renew(KEY, 5, b"", 41.0, 0) is Renewal.SLOW
    assert made.inquiry.contested(KEY)
    assert decide(made.state, Revive(KEY, 5, b"", 1)) is NOTHING
    assert decide(made.state, Revive(KEY, 5, b"", 1, contested=True)) is not NOTHING


def promised(made: Machine, now: float) -> None:
    """To one who thinks that it is his."""
    assert made.inquiry.asked(Question(KEY, 5, 5, binding=True), now) is None


@pytest.mark.parametrize("now", [1.0, 20.0])
def test_what_was_promised_to_one_who_owns_it_no_more_lapses_all_the_same(now: float) -> None:
    made = machine(both("us"))
    made.tick(now, 0)
    made.take()
    promised(made, now)
    made.tick(16.0, 0)
    made.tick(31.0, 0)
    (last,) = made.take().questions
    assert last.binding
    made.answered(Reply(last, None, 7), 31.0, 0)
    assert commands(made) == [Expire(KEY, 5, 0, seen=5, roster=7)]


def test_what_was_promised_and_speaks_then_is_looked_after_again() -> None:
    made = machine(both("us"))
    promised(made, 1.0)
    assert made.renew(KEY, 5, b"", 20.0, 0) is Renewal.SLOW
    made.apply(9, [(KEY, record(instance("a"), generation=5))], 20.0, 0)
    assert [question.binding for question in questions(made, 40.0)] == [False]


def test_an_expiry_is_void_once_the_record_was_written() -> None:
    made = machine(both("us"))
    made.apply(9, [(KEY, record(instance("a", weight=7), generation=5))], 1.0, 0)
    assert decide(made.state, Expire(KEY, 5, 99, seen=5, roster=7)) is NOTHING
    assert decide(made.state, Expire(KEY, 5, 99, seen=9, roster=7)) is not NOTHING


def taken_over_again(made: Machine, *times: float) -> Lease:
    for now in times:
        made.assign(Roster("us", frozenset()), now)
        made.assign(both("us"), now)
    lease = made.leases.get(KEY)
    assert lease is not None
    return lease


def test_a_takeover_gives_a_grace_and_the_next_one_asks_at_once() -> None:
    made = machine(Roster("us", frozenset()))
    assert taken_over_again(made, 100.0).expires_at == 130.0
    taken_over_again(made, 120.0)
    assert [question.binding for question in questions(made, 120.5)] == [False]


def test_once_it_is_marked_its_time_runs_through_every_takeover() -> None:
    made = machine(Roster("us", frozenset()))
    taken_over_again(made, 100.0, 110.0)
    made.apply(9, [(KEY, record(instance("a"), generation=5, overdue=True))], 111.0, 0)
    assert taken_over_again(made, 112.0, 125.0, 140.0).expires_at == 141.0


def test_what_others_may_have_heard_since_is_not_lapsed_by_a_takeover() -> None:
    """It kept its promise with whoever owned it between two takeovers, and we did not hear of it."""
    made = machine(Roster("us", frozenset()))
    lease = taken_over_again(made, 100.0, 200.0)
    assert (lease.overdue_at, lease.expires_at) == (200.0, 230.0)


def test_a_takeover_long_after_the_last_gives_a_grace_again() -> None:
    made = machine(Roster("us", frozenset()))
    assert taken_over_again(made, 100.0, 500.0).overdue_at == 515.0


def test_the_guard_counts_what_is_owned() -> None:
    made = machine(both("them"))
    zone = made.leases.zones["a"]
    assert zone.leased == 0
    made.assign(US, 1.0)
    assert zone.leased == 1


def test_loading_again_forgets_no_heartbeat() -> None:
    made = machine(both("them"))
    made.renew(KEY, 5, b"", 10.0, 0)
    made.load([(record(instance("a"), generation=5), 5)], 5, "epoch", 12.0, 0)
    assert made.inquiry.asked(Question(KEY, 5, 5), 13.0) == pytest.approx(3.0)
