"""Where to go next, and when."""

from random import Random

from muster.client.backoff import Rounds


def test_a_lost_registry_is_left_for_another_within_the_first_wait(seed: int) -> None:
    rounds = Rounds(3, Random(seed), first=0.4)
    at = rounds.begin().index
    attempt = rounds.elsewhere()
    assert attempt.index == (at + 1) % 3
    assert attempt.after <= 0.4


def test_all_are_tried_before_any_wait_grows() -> None:
    rounds = Rounds(3, Random(1), first=0.4)
    assert sorted(rounds.elsewhere().index for _ in range(3)) == [0, 1, 2]
    assert rounds.exhausted
    assert rounds.elsewhere().after >= 0.4


def test_waits_double_up_to_a_bound() -> None:
    rounds = Rounds(1, Random(1), first=0.5, longest=5.0)
    waits = [rounds.elsewhere().after for _ in range(40)]
    ceilings = [0.5, *(min(5.0, 0.5 * 2.0**n) for n in range(1, 40))]
    assert all(wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert min(waits[5:]) >= 2.5


def test_a_steady_stream_starts_the_count_anew() -> None:
    rounds = Rounds(1, Random(1), first=0.5)
    for _ in range(10):
        rounds.elsewhere()
    rounds.steady()
    assert not rounds.exhausted
    assert rounds.elsewhere().after <= 0.5


def test_callers_begin_everywhere() -> None:
    assert {Rounds(3, Random(seed)).begin().index for seed in range(30)} == {0, 1, 2}


def test_nothing_wrong_means_at_once_and_the_same() -> None:
    rounds = Rounds(3, Random(1))
    assert rounds.again() == rounds.begin()
