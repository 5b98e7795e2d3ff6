"""Go's durations, both ways; the examples are those of `time.ParseDuration` and `Duration.String`."""

import pytest

from muster.consul import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("0", 0),
        ("-2s", -2),
        ("1h0m1s", 3601),
        (".5s", 0.5),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert durations.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "10 s", "10x", "1s1", "9" * 70 + "s"])
def test_what_is_none_is_told_in_gos_words(text: str) -> None:
    with pytest.raises(ValueError, match="time: invalid duration"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(10, "10s"), (90, "1m30s"), (0.25, "250ms"), (5400, "1h30m0s"), (0, "0s"), (60, "1m0s")],
)
def test_a_duration_is_written(seconds: float, text: str) -> None:
    assert durations.show(seconds) == text


def test_a_number_is_nanoseconds() -> None:
    assert [durations.seconds(value) for value in (10_000_000_000, None, "", "10s")] == [10, 0, 0, 10]
