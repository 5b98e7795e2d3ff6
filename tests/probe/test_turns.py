"""Fairness of the waiting line."""

from hypothesis import given
from hypothesis import strategies as st

from muster.probe.turns import Turns


def test_hosts_take_turns() -> None:
    assert in_order(["a1", "a2", "a3", "b1", "c1"]) == ["a1", "b1", "c1", "a2", "a3"]


def test_nobody_waiting() -> None:
    turns: Turns[str] = Turns()
    assert turns.take() is None
    assert len(turns) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99))))
def test_everyone_is_served_once_and_first_come_first_served_within_a_host(
    asked: list[tuple[str, int]],
) -> None:
    served = in_order([f"{host}{n}" for host, n in asked])
    assert len(served) == len(asked)
    for host in "abc":
        assert [item for item in served if item[0] == host] == [f"{h}{n}" for h, n in asked if h == host]


@given(st.lists(st.sampled_from("abcd"), max_size=40))
def test_nobody_is_served_twice_before_another_that_waits(hosts: list[str]) -> None:
    served = in_order(hosts)
    for place, host in enumerate(served):
        waiting_after = set(served[place + 1 :])
        run = served[place : place + len(waiting_after | {host})]
        assert len(set(run)) == len(run)


def in_order(items: list[str]) -> list[str]:
    """Each item waits at the host that is its first letter."""
    turns: Turns[str] = Turns()
    for item in items:
        turns.add(item[0], item)
    served = []
    while (item := turns.take()) is not None:
        served.append(item)
    return served
