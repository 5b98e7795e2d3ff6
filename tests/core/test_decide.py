"""decide: what each command writes, and that a refusal leaves no trace."""

import pytest
from msgspec.structs import replace

from muster.core.commands import (
    Amend,
    Command,
    Deregister,
    Drain,
    Expire,
    MarkOverdue,
    Remove,
    Revive,
    SetHealth,
    SetReach,
)
from muster.core.decide import GONE, NOTHING, Write, decide
from muster.core.state import State
from muster.model import limits
from muster.model.errors import Rejected
from muster.model.record import Facts, Record
from muster.testing.builders import NOON, http_check, instance, record, register, ttl_check

KEY = "default/web-1"
LATER = NOON + 5_000
OWNER = b"owner's digest"


def holding(*records: Record) -> State:
    state = State("e1")
    for revision, each in enumerate(records, 1):
        state.apply(revision, [(each.key, each)])
    return state


def content(state: State) -> object:
    return state.revision, {entry.record.key: (entry.record, entry.revision) for entry in state.entries()}


def changed(before: Record, **facts: object) -> Record:
    return replace(before, facts=replace(before.facts, **facts), changed_at=LATER)


# --- Registering ----------------------------------------------------------------------------------------------------


def test_a_first_registration_is_written_without_its_generation() -> None:
    written = decide(holding(), register())
    assert written == Record(instance(), "first", Facts(), NOON, NOON)


def test_registering_the_same_again_is_a_no_op() -> None:
    assert decide(holding(record()), register(at=LATER)) is NOTHING


def test_the_same_incarnation_may_say_more() -> None:
    known = record()
    told = instance(weight=7)
    assert decide(holding(known), register(told, at=LATER)) == replace(known, instance=told, changed_at=LATER)


def test_registering_again_revives() -> None:
    lapsed = record(expired_at=NOON, overdue=True)
    assert decide(holding(lapsed), register(at=LATER)) == changed(lapsed, expired_at=0, overdue=False)


def test_another_incarnation_replaces_and_remembers() -> None:
    written = decide(holding(record(unreachable=True)), register(incarnation="second", at=LATER))
    assert written == Record(instance(), "second", Facts(), LATER, LATER, superseded=("first",))


def test_an_operators_word_survives_another_incarnation() -> None:
    written = decide(holding(record(override="out_of_service")), register(incarnation="second"))
    assert isinstance(written, Record)
    assert written.facts == Facts(override="out_of_service")


def test_only_the_latest_incarnations_are_remembered() -> None:
    state = holding(record(incarnation="0"))
    for n in range(1, limits.SUPERSEDED_KEPT + 3):
        written = decide(state, register(incarnation=str(n)))
        assert isinstance(written, Record)
        state.apply(n + 1, [(KEY, written)])
    entry = state.get(KEY)
    assert entry is not None
    assert entry.record.superseded == tuple(str(n) for n in range(2, limits.SUPERSEDED_KEPT + 2))


def test_an_active_check_begins_unknown_and_a_pushed_one_as_passing() -> None:
    written = decide(holding(), register(instance(checks=[http_check(), ttl_check()])))
    assert isinstance(written, Record)
    assert (written.facts.checks, written.status) == ({"health": "unknown", "pulse": "passing"}, "starting")


def test_starting_means_not_ready_unless_a_check_will_tell() -> None:
    alone = decide(holding(), register(starting=True))
    probed = decide(holding(), register(instance(checks=[http_check()]), starting=True))
    assert isinstance(alone, Record)
    assert isinstance(probed, Record)
    assert (alone.facts.ready, probed.facts.ready) == (False, None)


def test_a_check_that_is_the_same_keeps_its_health_and_another_begins_anew() -> None:
    known = record(
        instance(checks=[http_check("a"), http_check("b")]),
        checks={"a": "failing", "b": "passing"},
        failing_since=NOON,
    )
    told = instance(checks=[http_check("a", path="/else"), http_check("b")])
    written = decide(holding(known), register(told, at=LATER))
    assert isinstance(written, Record)
    assert written.facts == Facts(checks={"a": "unknown", "b": "passing"})


def test_a_draining_client_without_incarnations_registers_as_a_new_one() -> None:
    written = decide(holding(record(incarnation="", draining=True)), register(incarnation="", at=LATER))
    assert written == Record(instance(), "", Facts(), LATER, LATER)


# --- Refusals -------------------------------------------------------------------------------------------------------

OWNED = record(owner=OWNER, generation=5)
REFUSED: list[tuple[str, Record | None, Command, str]] = [
    ("nobody there to deregister", None, Deregister(KEY, 0, b""), "unknown_instance"),
    ("nobody there to drain", None, Drain(KEY, 0, b"", NOON), "unknown_instance"),
    ("nobody there to amend", None, Amend(KEY, 0, b"", NOON, weight=1), "unknown_instance"),
    ("nobody there to revive", None, Revive(KEY, 0, b"", NOON), "unknown_instance"),
    ("an older generation deregisters", OWNED, Deregister(KEY, 4, OWNER), "superseded"),
    ("an older generation drains", OWNED, Drain(KEY, 4, OWNER, NOON), "superseded"),
    ("an older generation revives", OWNED, Revive(KEY, 4, OWNER, NOON), "superseded"),
    ("a stranger deregisters", OWNED, Deregister(KEY, 0, b"x"), "not_owner"),
    ("a stranger drains", OWNED, Drain(KEY, 5, b"", NOON), "not_owner"),
    ("a stranger amends", OWNED, Amend(KEY, 0, b"", NOON, weight=1), "not_owner"),
    (
        "a stranger amends and overrides",
        OWNED,
        Amend(KEY, 0, b"", NOON, ready=True, override=""),
        "not_owner",
    ),
    ("a stranger revives", OWNED, Revive(KEY, 0, b"", NOON), "not_owner"),
    ("a stranger registers", OWNED, register(incarnation="second"), "not_owner"),
    (
        "an old incarnation registers",
        replace(record(), superseded=("old",)),
        register(incarnation="old"),
        "superseded",
    ),
    ("a draining incarnation registers", record(draining=True), register(), "draining"),
]


@pytest.mark.parametrize(
    ("known", "command", "code"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_refusal_leaves_no_trace(known: Record | None, command: Command, code: str) -> None:
    state = holding(*([known] if known else []))
    before = content(state)
    with pytest.raises(Rejected) as refused:
        decide(state, command)
    assert (refused.value.code, content(state)) == (code, before)


def test_an_id_is_free_for_another_owner_once_its_lease_has_lapsed() -> None:
    lapsed = record(owner=OWNER, expired_at=NOON)
    written = decide(holding(lapsed), register(incarnation="second", owner=b"other"))
    assert isinstance(written, Record)
    assert (written.owner, written.incarnation) == (b"other", "second")


# --- What registrars and operators ask ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "command", "written"),
    [
        (record(), Deregister(KEY, 1, b""), GONE),
        (record(), Drain(KEY, 0, b"", LATER), changed(record(), draining=True)),
        (record(draining=True), Drain(KEY, 0, b"", LATER), NOTHING),
        (record(expired_at=1), Revive(KEY, 1, b"", LATER), changed(record(), expired_at=0)),
        (record(overdue=True), Revive(KEY, 0, b"", LATER), changed(record(), overdue=False)),
        (record(), Revive(KEY, 0, b"", LATER), NOTHING),
        (record(), Amend(KEY, 0, b"", LATER, ready=False), changed(record(), ready=False)),
        (record(ready=False), Amend(KEY, 0, b"", LATER, ready=True), changed(record(), ready=True)),
        (
            record(override="out_of_service"),
            Amend(KEY, 0, b"", LATER, override=""),
            changed(record(), override=""),
        ),
        (record(), Amend(KEY, 0, b"", LATER, weight=limits.WEIGHT_DEFAULT, override=""), NOTHING),
        (
            record(),
            Amend(KEY, 0, b"", LATER, weight=0, tags=("x",), metadata={"a": "b"}),
            replace(record(instance(weight=0, tags=("x",), metadata={"a": "b"})), changed_at=LATER),
        ),
        (
            OWNED,
            Amend(KEY, 0, b"", LATER, override="out_of_service"),
            changed(OWNED, override="out_of_service"),
        ),
    ],
)
def test_what_is_asked_is_written(known: Record, command: Command, written: Write) -> None:
    assert decide(holding(known), command) == written


# --- What the registry itself finds ---------------------------------------------------------------------------------

CHECKED = record(instance(checks=[http_check()]), checks={"health": "passing"})
FAILING = changed(CHECKED, checks={"health": "failing"}, failing_since=LATER)


@pytest.mark.parametrize(
    ("known", "command", "written"),
    [
        (record(), MarkOverdue(KEY, 1, LATER), changed(record(), overdue=True)),
        (record(overdue=True), MarkOverdue(KEY, 1, LATER), NOTHING),
        (record(instance(static=True)), MarkOverdue(KEY, 1, LATER), NOTHING),
        (record(overdue=True), Expire(KEY, 1, LATER), changed(record(), expired_at=LATER)),
        (record(expired_at=NOON), Expire(KEY, 1, LATER), NOTHING),
        (record(instance(static=True)), Expire(KEY, 1, LATER), NOTHING),
        (CHECKED, SetHealth(KEY, 1, "health", "failing", LATER), FAILING),
        (
            FAILING,
            SetHealth(KEY, 1, "health", "passing", LATER),
            changed(CHECKED, checks={"health": "passing"}),
        ),
        (CHECKED, SetHealth(KEY, 1, "health", "passing", LATER), NOTHING),
        (CHECKED, SetHealth(KEY, 1, "another", "failing", LATER), NOTHING),
        (record(), SetReach(KEY, 1, True, LATER), changed(record(), unreachable=True)),
        (record(unreachable=True), SetReach(KEY, 1, False, LATER), changed(record(), unreachable=False)),
        (record(), SetReach(KEY, 1, False, LATER), NOTHING),
        (record(expired_at=NOON), Remove(KEY, 1, "expired"), GONE),
        (record(), Remove(KEY, 1, "expired"), NOTHING),
    ],
)
def test_what_is_found_is_written(known: Record, command: Command, written: Write) -> None:
    assert decide(holding(known), command) == written


@pytest.mark.parametrize(
    "command",
    [
        MarkOverdue(KEY, 4, LATER),
        Expire(KEY, 4, LATER),
        SetHealth(KEY, 4, "health", "failing", LATER),
        SetReach(KEY, 4, True, LATER),
        Remove(KEY, 4, "healthy"),
    ],
)
def test_what_is_found_of_another_generation_is_a_no_op(command: Command) -> None:
    later = replace(CHECKED, generation=5)
    assert [decide(holding(later), command), decide(holding(), command)] == [NOTHING, NOTHING]


def test_failing_since_is_when_it_began() -> None:
    both = record(
        instance(checks=[http_check("a"), http_check("b")]),
        checks={"a": "failing", "b": "passing"},
        failing_since=NOON,
    )
    written = decide(holding(both), SetHealth(KEY, 1, "b", "failing", LATER))
    assert isinstance(written, Record)
    assert written.facts.failing_since == NOON
