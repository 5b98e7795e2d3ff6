"""The ring, entry for entry as in Envoy's ring_hash_lb_test.cc, and what a change moves."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from muster.policy.ring import Ring
from muster.policy.xxh64 import xxh64

LAST = (1 << 64) - 1


def ring(
    ports: list[int], weights: list[float] | None = None, *, minimum: int, maximum: int = 65_536
) -> Ring:
    return Ring(
        [f"127.0.0.1:{port}" for port in ports],
        weights or [1.0] * len(ports),
        minimum=minimum,
        maximum=maximum,
        hash64=xxh64,
    )


SIX = ring([90, 91, 92, 93, 94, 95], minimum=12)


@pytest.mark.parametrize(
    ("hashed", "port"),
    [
        (0, 94),
        (833437586790550860, 94),
        (833437586790550861, 92),
        (928266305478181108, 92),
        (1033482794131418490, 90),
        (3551244743356806947, 95),
        (3551244743356806948, 93),
        (5583722120771150861, 91),
        (6311230543546372928, 91),
        (7700377290971790572, 93),
        (13144177310400110813, 95),
        (13444792449719432967, 92),
        (15516499411664133160, 94),
        (16117243373044804880, 90),
        (LAST, 94),
    ],
)
def test_basic(hashed: int, port: int) -> None:
    assert len(SIX) == 12
    assert SIX.at(hashed) == port - 90


def test_a_later_attempt_is_the_next_entry_and_wraps() -> None:
    assert [SIX.at(0, attempt) for attempt in (0, 1, 2, 13)] == [4, 2, 0, 2]


def test_uneven_hosts() -> None:
    two = ring([80, 81], minimum=3)
    assert len(two) == 4
    assert [two.at(h) for h in (0, 5454692015285649510, 13838424394637650569, LAST)] == [0, 1, 0, 0]


def test_a_tiny_ring_of_weights_one_two_three() -> None:
    tiny = ring([90, 91, 92], [1, 2, 3], minimum=6, maximum=6)
    expected = {
        928266305478181108: 2,
        4443673547860492590: 2,
        5583722120771150861: 1,
        6311230543546372928: 1,
        13444792449719432967: 2,
        16117243373044804889: 0,
    }
    assert {hashed: tiny.at(hashed) for hashed in expected} == expected


def test_a_large_ring_of_weights_one_two_three() -> None:
    large = ring([90, 91, 92], [1, 2, 3], minimum=6144)
    hits = Counter(large.at(i * (LAST // 6000)) for i in range(6000))
    assert len(large) == 6144
    assert hits == {0: 987, 1: 1932, 2: 3081}


def test_shares_are_the_arcs() -> None:
    hits = Counter(SIX.at(i * (LAST // 20_000)) for i in range(20_000))
    assert [hits[n] / 20_000 for n in range(6)] == pytest.approx(SIX.shares(6), abs=0.001)
    assert sum(SIX.shares(6)) == pytest.approx(1.0)


@given(count=st.integers(2, 12), gone=st.integers(0, 11))
def test_who_leaves_takes_its_own_keys_and_no_others(count: int, gone: int) -> None:
    ports = list(range(90, 90 + count))
    left = [port for port in ports if port != 90 + gone % count]
    before, after = ring(ports, minimum=50 * count), ring(left, minimum=50 * (count - 1))
    assume(len(before) * (count - 1) == len(after) * count)  # as many entries each as before
    for key in range(200):
        hashed = xxh64(str(key).encode())
        owner = ports[before.at(hashed)]
        assert owner not in left or left[after.at(hashed)] == owner
