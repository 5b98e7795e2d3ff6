"""What the demo's processes say is read, counted, and waited for."""

import pytest
from demo.calls import Counts, count, under_way
from demo.journal import Journal, Line, Missing, read


def call(began: float, at: float, by: str | None, *troubles: str) -> Line:
    return Line("caller", at, "call", {"began": began, "answered_by": by, "troubles": list(troubles)})


def test_calls_are_counted_by_how_they_ended() -> None:
    calls = [
        call(1, 2, "g-1"),
        call(1, 3, "g-2", "g-1: refused"),
        call(2, 2.5, None, "g-1: refused"),
        call(0, 9, "g-1"),
    ]
    assert count(calls, 1, 9) == Counts(made=3, second=1, failed=1, slowest=2)


def test_nothing_made_is_nothing_failed() -> None:
    assert count([], 0, 9) == Counts(made=0, second=0, failed=0, slowest=0)


def test_a_call_is_under_way_until_it_is_answered() -> None:
    early, during = call(1, 2, "g-1"), call(1, 4, "g-1")
    assert under_way([early, during, call(1, 4, "g-2")], "g-1", 3) == [during]


def test_events_and_other_words_are_told_apart() -> None:
    assert read("w", b'{"at":1.5,"event":"view","instances":[]}\n') == Line(
        "w", 1.5, "view", {"instances": []}
    )
    assert read("w", b'{"event":"serving"}\n').told == {"text": '{"event":"serving"}'}
    assert read("w", b"muster: \xff\n").told == {"text": "muster: \ufffd"}


def test_what_was_said_before_is_found() -> None:
    journal = Journal()
    journal.add("w", b'{"at":1.5,"event":"ready"}')
    assert journal.wait("w is ready", lambda line: line.event == "ready", 0).at == 1.5


def test_what_never_comes_is_named() -> None:
    with pytest.raises(Missing, match="w is ready: not within 0 s"):
        Journal().wait("w is ready", lambda line: False, 0)
