"""History: what happened to whom, the latest first, and why."""

from muster.core.state import Change, State
from muster.model.record import Record
from muster.observe.history import History
from muster.testing.builders import NOON, instance, record


def told(history: History, *steps: Record | None) -> list[tuple[str, str, str]]:
    """(before, after, why) of the changes that `steps` of one instance make, the latest first."""
    state = State()
    for revision, step in enumerate(steps, 1):
        for change in state.apply(revision, [("default/web-1", step)]):
            history.note(change, NOON + revision)
    return [(line.before, line.after, line.why) for line in history.lines("default")]


def test_a_life_is_told_backwards() -> None:
    assert told(History(), record(), record(draining=True), None) == [
        ("draining", "absent", "deregistered, or its retention is over"),
        ("healthy", "draining", "it asked to drain"),
        ("absent", "healthy", "registered"),
    ]


def test_a_mark_a_new_process_and_a_weight_are_told() -> None:
    steps = [
        record(),
        record(overdue=True),
        record(),
        record(generation=9),
        record(instance(weight=1), generation=9),
    ]
    assert [why for _, _, why in told(History(), *steps)] == [
        "changed",
        "replaced by a new incarnation",
        "its heartbeat is back",
        "its heartbeat is overdue",
        "registered",
    ]


def test_the_oldest_are_forgotten_and_filters_hold() -> None:
    history = History(room=2)
    for number in range(3):
        of = record(instance(f"web-{number}"))
        changes: list[Change] = State().apply(number, [(of.key, of)])
        history.note(changes[0], NOON)
    assert [line.instance_id for line in history.lines("default", "web")] == ["web-2", "web-1"]
    assert [line.instance_id for line in history.lines("default", id="web-1")] == ["web-1"]
    assert [*history.lines("default", "other"), *history.lines("elsewhere")] == []
