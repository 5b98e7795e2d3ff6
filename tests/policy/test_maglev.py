"""The table, place for place as in Envoy's maglev_lb_test.cc, and what a change moves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from muster.policy.maglev import Maglev
from muster.policy.xxh64 import xxh64

ADDRESSES = [f"127.0.0.1:{port}" for port in range(90, 96)]
NAMES = ["90", "91", "92", "93", "94", "95"]


def table(names: list[str], weights: list[float] | None = None, size: int = 7) -> list[int]:
    return list(Maglev(names, weights or [1.0] * len(names), size=size, hash64=xxh64))


def test_basic() -> None:
    assert table(ADDRESSES) == [2, 4, 0, 1, 5, 0, 3]


def test_basic_with_host_names() -> None:
    assert table(NAMES) == [2, 5, 0, 3, 4, 1, 0]


def test_weighted() -> None:
    assert table(ADDRESSES[:2], [1, 2], 17) == [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1]


def test_equal_weights_in_seventeen() -> None:
    assert table(ADDRESSES[:2], [1, 1], 17) == [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1]


def test_one_for_all() -> None:
    assert table(ADDRESSES[:1], [7], 17) == [0] * 17


def test_a_later_attempt_looks_elsewhere_as_envoy_does() -> None:
    maglev = Maglev(ADDRESSES, [1.0] * 6, size=7, hash64=xxh64)
    assert [maglev.at(10, attempt) for attempt in (0, 1, 2)] == [1, 0, 5]


@given(st.permutations(range(6)))
def test_the_order_they_are_given_in_does_not_matter(order: list[int]) -> None:
    given_in = [ADDRESSES[n] for n in order]
    assert [given_in[n] for n in table(given_in)] == [ADDRESSES[n] for n in table(ADDRESSES)]


@given(weights=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_shares_follow_weights(weights: list[int]) -> None:
    names = [f"10.0.0.{n}:80" for n in range(len(weights))]
    shares = Maglev(names, [float(w) for w in weights], size=1009, hash64=xxh64).shares(len(weights))
    for weight, share in zip(weights, shares, strict=True):
        assert abs(share - weight / sum(weights)) < 0.02


@settings(max_examples=20)
@given(count=st.integers(5, 30), gone=st.integers(0, 29))
def test_few_keys_move_that_need_not(count: int, gone: int) -> None:
    """Maglev trades a little stability for evenness: NSDI 2016, section 5.3, figure 12, has the measure."""
    names = [f"10.0.0.{n}:80" for n in range(count)]
    left = [name for n, name in enumerate(names) if n != gone % count]
    size = 4099
    before, after = table(names, size=size), table(left, size=size)
    stay = [n for n in range(size) if names[before[n]] in left]
    moved = sum(names[before[n]] != left[after[n]] for n in stay)
    assert moved / len(stay) < 0.25
