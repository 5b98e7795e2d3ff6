"""The grammar of filters; the examples are those of Consul's page on filtering and of go-bexpr's own tests."""

import pytest

from muster.consul.filter.expression import And, BadFilter, Expression, Match, Not, Or, parse
from muster.model import limits

PARSED: list[tuple[str, Expression]] = [
    ("foo == 3", Match(("foo",), "==", "3")),
    ("foo==3", Match(("foo",), "==", "3")),
    ("foo != xyz", Match(("foo",), "!=", "xyz")),
    ("list is empty", Match(("list",), "is empty", "")),
    ("list is not empty", Match(("list",), "is not empty", "")),
    ("foo in bar", Match(("bar",), "in", "foo")),
    ("foo not in bar", Match(("bar",), "not in", "foo")),
    ('"a b" in Tags', Match(("Tags",), "in", "a b")),
    ("bar contains foo", Match(("bar",), "in", "foo")),
    ("bar not contains foo", Match(("bar",), "not in", "foo")),
    ("foo matches `^a.*`", Match(("foo",), "matches", "^a.*")),
    ("foo not matches bar", Match(("foo",), "not matches", "bar")),
    ("a.b.c == 1", Match(("a", "b", "c"), "==", "1")),
    ('Meta["a-b"].c == x', Match(("Meta", "a-b", "c"), "==", "x")),
    (r'foo == "\t\\"', Match(("foo",), "==", "\t\\")),
    (r"foo == `\t`", Match(("foo",), "==", r"\t")),
    ("not foo == 1", Not(Match(("foo",), "==", "1"))),
    ("( ( foo == -1.5 ) )", Match(("foo",), "==", "-1.5")),
    (
        "a == 1 and not b == 2 or c == 3",
        Or(And(Match(("a",), "==", "1"), Not(Match(("b",), "==", "2"))), Match(("c",), "==", "3")),
    ),
    (
        "a == 1 and (b == 2 or c == 3)",
        And(Match(("a",), "==", "1"), Or(Match(("b",), "==", "2"), Match(("c",), "==", "3"))),
    ),
]
REFUSED = [
    ("foo", "1:4 (3)"),
    ("foo ==", "1:7 (6)"),
    ("x ==(", "1:5 (4)"),
    ("(foo == 1", "Unmatched parentheses"),
    ("foo == 10.10.10.10", "no match found"),
    ('foo == "open', "Unterminated string literal"),
    ("foo[x] == 1", "Invalid index"),
    ('foo["x" == 1', "Unclosed index expression"),
    ("foo is full", "empty"),
    ("not a valid expression((", "no match found"),
    ("a == 1 b == 2", "no match found"),
    ("== 1", "a selector"),
    ("(" * (limits.FILTER_DEPTH + 1), "nested deeper"),
    ("x" * (limits.FILTER_CHARS + 1), "longer than"),
]


@pytest.mark.parametrize(("text", "expected"), PARSED, ids=[text for text, _ in PARSED])
def test_an_expression_is_understood(text: str, expected: Expression) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=[text[:20] for text, _ in REFUSED])
def test_what_is_no_expression_is_refused_where_it_goes_wrong(text: str, told: str) -> None:
    with pytest.raises(BadFilter) as refused:
        parse(text)
    assert told in str(refused.value)


def test_a_long_chain_is_no_deep_one() -> None:
    parse(" or ".join(["a == 1"] * 400))
