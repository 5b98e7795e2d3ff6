"""Filters against answers: every operator on every kind of value, and what a map does not have."""

from __future__ import annotations

import random

import pytest
from msgspec import Struct, structs

from muster.consul.filter import BadFilter, Filters, compiled
from muster.consul.spelling import go_name
from muster.model.errors import Rejected


class Place(Struct, frozen=True, rename=go_name):
    zone: str


class Check(Struct, frozen=True, rename=go_name):
    status: str
    tags: tuple[str, ...] = ()


class Shape(Struct, frozen=True, rename=go_name):
    service_id: str
    port: int
    ready: bool
    tags: tuple[str, ...]
    meta: dict[str, str]
    place: Place | None = None
    checks: tuple[Check, ...] = ()


WEB = Shape(
    "web-1",
    80,
    True,
    ("blue", "v2"),
    {"env": "prod", "a b": ""},
    Place("a"),
    (Check("passing"), Check("critical", ("x",))),
)

HOLD = [
    "Checks.Status == critical",
    "Checks.Status != critical",
    "Checks.Status matches `^crit`",
    "x in Checks.Tags",
    "Checks.Tags is empty",
    "Checks is not empty",
    'ServiceID == "web-1"',
    "ServiceID != `web-2`",
    '"eb-" in ServiceID',
    "ServiceID matches `^web-[0-9]$`",
    "ServiceID is not empty",
    "Port == 80",
    "Port != 81",
    "Ready == true",
    "Ready != f",
    "blue in Tags",
    'Tags contains "v2"',
    "green not in Tags",
    "Tags is not empty",
    "Meta.env == prod",
    'Meta["env"] == "prod"',
    "env in Meta",
    'Meta["a b"] is empty',
    "Meta.none != x",
    "Meta.none is empty",
    "x not in Meta.none",
    "Meta.none not matches x",
    "Place.Zone == a",
    "not (Port == 81 or Port == 82) and Ready == true",
]
FAIL = [
    "Checks.Status == warning",
    "not Checks.Status == passing",
    "Checks is empty",
    'ServiceID == "web-2"',
    "Port == 81",
    "Ready == false",
    "green in Tags",
    "Tags is empty",
    "Meta.none == x",
    "Meta.none is not empty",
    "x in Meta.none",
]
REFUSED = [
    "Nothing == 1",
    "Tags == blue",
    "Port matches `8`",
    "Ready == maybe",
    "Port == x",
    "Place == a",
    "Port.x == 1",
]


@pytest.mark.parametrize("text", HOLD)
def test_it_holds(text: str) -> None:
    assert compiled(text, Shape).admits(WEB)


@pytest.mark.parametrize("text", FAIL)
def test_it_does_not(text: str) -> None:
    assert not compiled(text, Shape).admits(WEB)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_shape_cannot_answer_is_refused_before_anything_is_looked_at(text: str) -> None:
    with pytest.raises(BadFilter):
        compiled(text, Shape)


def test_a_field_that_is_not_there_is_like_a_key_that_is_not() -> None:
    nowhere = Shape("x", 1, False, (), {}, None)
    assert not compiled("Place.Zone == a", Shape).admits(nowhere)
    assert compiled("Place.Zone != a", Shape).admits(nowhere)


def test_nothing_asked_for_is_everything() -> None:
    assert Filters().get("", Shape).of([WEB]) == [WEB]


EXPENSIVE = {
    "comparisons": " or ".join(["Port == 1"] * 300),
    "a list of objects": " or ".join(["Checks.Status == x"] * 150),
    "places": "Meta.long matches `(a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?)*(a|b)*a(a|b){100}c`",
}


@pytest.mark.parametrize("what", EXPENSIVE)
def test_what_takes_more_work_than_an_answer_is_worth_is_refused(what: str) -> None:
    rng = random.Random(7)
    shapes = [
        structs.replace(WEB, meta={"long": "".join(rng.choice("ab") for _ in range(500))})
        for _ in range(1_000)
    ]
    filters = Filters()
    for _ in range(2):
        with pytest.raises(Rejected, match="more work"):
            filters.get(EXPENSIVE[what], Shape).of(shapes)
    assert filters.get("Port == 1", Shape).of(shapes[:1]) == []


@pytest.mark.parametrize(
    "text", ["Meta.long matches `^(a+|b)+$` and Port != 1", "Port == 1 or Ready == true or web in Tags"]
)
def test_what_anybody_would_ask_of_many_instances_is_not(text: str) -> None:
    shapes = [structs.replace(WEB, meta={"long": f"{'a' * n}b" * 4}) for n in range(100)] * 50
    Filters().get(text, Shape).of(shapes)
