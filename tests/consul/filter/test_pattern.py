"""Patterns against Python's own engine where the two speak the same language, and in time where it does not end."""

import random
import re

import pytest

from muster.consul.filter.expression import BadFilter
from muster.consul.filter.pattern import Pattern

CASES = [
    ("", ["", "x"]),
    ("abc", ["abc", "xabcx", "ab"]),
    ("^web-[0-9]+$", ["web-1", "web-22", "web-", "xweb-1", "web-1x"]),
    ("a|b|", ["a", "b", "c", ""]),
    ("(?:ab)*c", ["c", "ababc", "abab"]),
    ("x{2,3}y", ["xy", "xxy", "xxxy", "xxxxy"]),
    ("x{2}", ["x", "xx"]),
    ("x{0}y", ["y", "xy", "x"]),
    ("x{2,}$", ["x", "xx", "xxxxx", "xxa"]),
    ("^x{0,2}$", ["", "x", "xx", "xxx"]),
    (r"\d\w\s\.", ["1a .", "1a x", "a1 ."]),
    ("[^a-c]z", ["dz", "az", "z"]),
    ("[]a-]+$", ["]", "a-", "b"]),
    (r"[\d.]+", ["1.2", "x"]),
    ("a?b+?c*", ["b", "abbc", "ac"]),
    ("(a|bc)+d", ["abcad", "d", "bd"]),
]


@pytest.mark.parametrize(("pattern", "texts"), CASES)
def test_a_pattern_says_what_everybody_expects(pattern: str, texts: list[str]) -> None:
    compiled = Pattern(pattern)
    assert [compiled.search(text) for text in texts] == [bool(re.search(pattern, text)) for text in texts]


def test_random_patterns_agree_with_pythons_engine() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(300):
        pattern = _pattern(rng, 3)
        text = "".join(rng.choice("abc") for _ in range(rng.randrange(8)))
        assert Pattern(pattern).search(text) == bool(re.search(pattern, text)), (pattern, text)


def _pattern(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(["a", "b", "c", ".", "[ab]", "[^c]"])
    parts = [_pattern(rng, depth - 1) for _ in range(rng.randrange(1, 3))]
    joined = rng.choice(["", "|"]).join(parts)
    return rng.choice(["({})", "({})*", "({})+", "({})?", "({}){{1,2}}", "^({})", "({})$"]).format(joined)


def test_what_backtracks_elsewhere_ends_here() -> None:
    assert not Pattern("(a+)+b").search("a" * 500)
    assert not Pattern("(a*)*(a|aa)*b").search("a" * 500)


def test_what_is_remembered_of_a_text_is_true_of_the_next_also_when_it_begins_anew() -> None:
    rng = random.Random(3)
    text = r"^(a|b)*a(a|b){4}$|c"
    compiled = Pattern(text, kept=60)
    for _ in range(500):
        asked = "".join(rng.choice("abc" if rng.random() < 0.1 else "ab") for _ in range(rng.randrange(12)))
        assert compiled.search(asked) == bool(re.search(text, asked)), asked


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a**", "*", "[a", r"\b", r"(?=a)", "a{2,1}", "[z-a]", "(((a{50}){50}){50})", "x" * 300, "\\"],
)
def test_what_is_no_pattern_or_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(BadFilter):
        Pattern(pattern)
