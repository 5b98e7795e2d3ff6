"""Where to go next, and when."""

from random import Random

from muster.client.backoff import Rounds
from muster.client.timing import USUAL, Timing

QUICK = Timing(retry_first=0.5, retry_max=2.0, refused_retry_max=5.0)


def test_a_lost_registry_is_left_for_another_within_the_first_wait(seed: int) -> None:
    rounds = Rounds(3, Random(seed))
    at = rounds.begin().index
    attempt = rounds.elsewhere()
    assert attempt.index == (at + 1) % 3
    assert attempt.after <= USUAL.retry_first


def test_another_registry_is_tried_within_a_second_and_after_silence_within_six(seed: int) -> None:
    """However many have been lost before, as long as the other one is there."""
    rounds = Rounds(2, Random(seed))
    lost = rounds.elsewhere().after
    assert lost <= 1.0
    assert USUAL.silence + lost <= 6.0


def test_a_lone_registrys_return_is_seen_within_a_second(seed: int) -> None:
    rounds = Rounds(1, Random(seed))
    assert max(rounds.elsewhere().after for _ in range(100)) <= 1.0


def test_callers_who_lost_it_together_do_not_return_together() -> None:
    waits = [Rounds(1, Random(seed)).elsewhere().after for seed in range(400)]
    busiest = max(sum(low <= wait < low + 0.04 for wait in waits) for low in (n * 0.04 for n in range(10)))
    assert busiest < 80  # a tenth of the time holds about a tenth of them


def test_all_are_tried_before_any_wait_grows() -> None:
    rounds = Rounds(3, Random(1), QUICK)
    assert sorted(rounds.elsewhere().index for _ in range(3)) == [0, 1, 2]
    assert rounds.exhausted
    assert rounds.elsewhere().after >= 0.5


def test_waits_double_up_to_a_bound() -> None:
    rounds = Rounds(1, Random(1), QUICK)
    waits = [rounds.elsewhere().after for _ in range(40)]
    ceilings = [0.5, *(min(2.0, 0.5 * 2.0**n) for n in range(1, 40))]
    assert all(wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert min(waits[5:]) >= 1.0


def test_one_that_says_no_is_left_alone_for_longer() -> None:
    rounds = Rounds(1, Random(1), QUICK)
    waits = [rounds.elsewhere(refused=True).after for _ in range(40)]
    assert 2.5 <= min(waits[5:]) <= max(waits) <= 5.0


def test_a_steady_stream_starts_the_count_anew() -> None:
    rounds = Rounds(1, Random(1), QUICK)
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
