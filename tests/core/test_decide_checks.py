"""decide: checks that come and go by themselves, and why an operator took an instance out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.test_decide import KEY, LATER, OWNER, changed, content, holding

from muster.core.commands import Amend, DropCheck, PutCheck
from muster.core.decide import NOTHING, decide
from muster.model import limits
from muster.model.check import Check
from muster.model.errors import Rejected
from muster.model.record import Record
from muster.testing.builders import NOON, http_check, instance, record, register, ttl_check

PULSE = ttl_check("pulse")
HEALTH = http_check("health")


def with_checks(*checks: Check, **health: str) -> Record:
    return record(instance(checks=checks), checks=health)  # type: ignore[arg-type]


def put(check: Check, after: float = 0.0) -> PutCheck:
    return PutCheck(KEY, 0, b"", LATER, check, after)


def drop(name: str) -> DropCheck:
    return DropCheck(KEY, 0, b"", LATER, name)


def test_a_check_is_added_and_the_others_keep_their_health() -> None:
    written = decide(holding(with_checks(PULSE, pulse="warning")), put(HEALTH))
    assert isinstance(written, Record)
    assert written.instance.checks == (PULSE, HEALTH)
    assert written.facts.checks == {"pulse": "warning", "health": "unknown"}


def test_a_check_that_is_the_same_is_no_news_and_one_that_is_not_begins_anew() -> None:
    known = with_checks(PULSE, pulse="warning")
    assert decide(holding(known), put(PULSE)) is NOTHING
    written = decide(holding(known), put(replace(PULSE, ttl=5.0, initial="failing")))
    assert isinstance(written, Record)
    assert (written.facts.checks, written.facts.failing_since) == ({"pulse": "failing"}, LATER)


def test_the_soonest_removal_of_what_is_critical_counts() -> None:
    known = replace(with_checks(), instance=replace(instance(), deregister_critical_after=90.0))
    for after, expected in ((0.0, 90.0), (60.0, 60.0), (600.0, 90.0)):
        written = decide(holding(known), put(PULSE, after))
        assert isinstance(written, Record)
        assert written.instance.deregister_critical_after == expected


def test_a_check_is_taken_away_with_its_health() -> None:
    written = decide(holding(with_checks(PULSE, HEALTH, pulse="failing", health="passing")), drop("pulse"))
    assert isinstance(written, Record)
    assert (written.instance.checks, written.facts.checks) == ((HEALTH,), {"health": "passing"})


@pytest.mark.parametrize(
    ("known", "command", "code"),
    [
        (with_checks(), drop("pulse"), "unknown_check"),
        (with_checks(*(ttl_check(f"c{n}") for n in range(limits.CHECKS))), put(PULSE), "limit_reached"),
        (replace(with_checks(), owner=OWNER), put(PULSE), "not_owner"),
    ],
)
def test_a_refusal_leaves_no_trace(known: Record, command: PutCheck | DropCheck, code: str) -> None:
    state = holding(known)
    before = content(state)
    with pytest.raises(Rejected) as refused:
        decide(state, command)
    assert (refused.value.code, content(state)) == (code, before)


def test_a_registration_may_keep_the_checks_it_does_not_name() -> None:
    known = with_checks(PULSE, pulse="warning")
    again = register(instance(checks=[HEALTH]), at=LATER)
    kept = decide(holding(known), replace(again, keep_checks=True))
    replaced = decide(holding(known), again)
    assert isinstance(kept, Record)
    assert isinstance(replaced, Record)
    assert [check.name for check in kept.instance.checks] == ["pulse", "health"]
    assert kept.facts.checks == {"pulse": "warning", "health": "unknown"}
    assert [check.name for check in replaced.instance.checks] == ["health"]


def test_an_override_has_a_reason_that_goes_with_it_and_survives_a_new_start() -> None:
    known = record()
    out = Amend(KEY, 0, b"", LATER, override="out_of_service", reason="new disk")
    taken = decide(holding(known), out)
    assert taken == changed(known, override="out_of_service", override_reason="new disk")
    assert isinstance(taken, Record)
    fresh = decide(holding(taken), register(incarnation="second"))
    assert isinstance(fresh, Record)
    assert (fresh.facts.override_reason, fresh.registered_at) == ("new disk", NOON)
    assert decide(holding(taken), Amend(KEY, 0, b"", LATER, override="")) == changed(known)
