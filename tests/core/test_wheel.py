"""The wheel: items come up when their time has come, once, however often they were moved."""

from dataclasses import dataclass

import pytest

from muster.core.wheel import NEVER, SLOTS_PER_S, Wheel


@dataclass(eq=False)
class Item:
    name: str
    wake: int = NEVER


def names(items: list[Item]) -> list[str]:
    return sorted(item.name for item in items)


def test_an_item_comes_up_at_its_time_and_not_before() -> None:
    wheel: Wheel[Item] = Wheel()
    wheel.put(Item("a"), 10.0)
    assert (wheel.due(9.999, 10), names(wheel.due(10.02, 10)), wheel.due(99.0, 10)) == ([], ["a"], [])


def test_an_item_that_was_moved_later_comes_up_once() -> None:
    wheel: Wheel[Item] = Wheel()
    item = Item("a")
    wheel.put(item, 10.0)
    wheel.put(item, 20.0)
    assert (wheel.due(15.0, 10), names(wheel.due(21.0, 10)), wheel.due(99.0, 10)) == ([], ["a"], [])


def test_an_item_that_was_moved_away_and_back_comes_up_once() -> None:
    wheel: Wheel[Item] = Wheel()
    item = Item("a")
    for at in (10.0, 20.0, 10.0):
        wheel.put(item, at)
    assert (names(wheel.due(99.0, 10)), wheel.due(99.0, 10)) == (["a"], [])


def test_an_item_whose_wake_was_cleared_never_comes_up() -> None:
    wheel: Wheel[Item] = Wheel()
    item = Item("a")
    wheel.put(item, 10.0)
    item.wake = NEVER
    assert wheel.due(99.0, 10) == []


def test_no_more_than_asked_for_and_the_rest_next_time() -> None:
    wheel: Wheel[Item] = Wheel()
    for n in range(5):
        wheel.put(Item(str(n)), 10.0 + n % 2)
    first, rest = wheel.due(20.0, 3), wheel.due(20.0, 3)
    assert (len(first), names(first + rest)) == (3, list("01234"))


def test_the_next_deadline_is_due_when_it_is_reached() -> None:
    wheel: Wheel[Item] = Wheel()
    for slot in range(1, 500):
        wheel.put(Item(str(slot)), (slot - 0.5) / SLOTS_PER_S)
    for _ in range(1, 500):
        deadline = wheel.next_deadline()
        assert deadline is not None
        assert len(wheel.due(deadline, 1)) == 1, deadline
    assert wheel.next_deadline() is None


@pytest.mark.parametrize("at", [0.0, 0.019, 0.02, 123.456, 1e6 + 0.01])
def test_a_deadline_is_at_most_one_slot_late(at: float) -> None:
    wheel: Wheel[Item] = Wheel()
    wheel.put(Item("a"), at)
    deadline = wheel.next_deadline()
    assert deadline is not None
    assert at <= deadline <= at + 1 / SLOTS_PER_S + 1e-6
