"""Filters: what a query asks for, and whom it admits."""

from urllib.parse import parse_qs

import pytest

from muster.model.errors import Rejected
from muster.model.record import Status
from muster.testing.builders import instance
from muster.wire.filters import ALL, DEFAULT, KNOWN_STATUSES, Filter, parse


def parsed(query: str) -> Filter:
    return parse(parse_qs(query, keep_blank_values=True))


@pytest.mark.parametrize(
    ("query", "filter"),
    [
        ("", DEFAULT),
        ("wait=5s&index=3", DEFAULT),
        ("zone=a&region=eu&version=1&subset=blue", Filter("a", "eu", "1", "blue")),
        ("tag=b&tag=a&tag=b", Filter(tags=("a", "b"))),
        ("status=starting&status=healthy", Filter(statuses=("starting", "healthy"))),
        ("all=1", ALL),
        ("all", ALL),
        ("all=0", DEFAULT),
        ("all=1&status=healthy", Filter(statuses=("healthy",))),
    ],
)
def test_what_a_query_asks_for(query: str, filter: Filter) -> None:
    assert parsed(query) == filter


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("zone=a&zone=b", "zone"),
        ("version=" + "x" * 129, "version"),
        ("subset=%00", "subset"),
        ("status=up", "status"),
        ("all=maybe", "all"),
        ("&".join(f"tag={n}" for n in range(65)), "tag"),
        ("tag=" + "x" * 256, "tag"),
    ],
)
def test_what_cannot_be_asked(query: str, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        parsed(query)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("filter", "admitted"),
    [
        (DEFAULT, True),
        (Filter(zone="a", region="eu", version="1", subset="blue", tags=("x", "y")), True),
        (Filter(zone="b"), False),
        (Filter(region="us"), False),
        (Filter(version="2"), False),
        (Filter(subset="green"), False),
        (Filter(tags=("x", "z")), False),
        (Filter(statuses=("starting",)), False),
        (ALL, True),
    ],
)
def test_whom_a_filter_admits(filter: Filter, admitted: bool) -> None:
    told = instance(zone="a", region="eu", version="1", deployment_group="blue", tags=("x", "y", "w"))
    assert filter.admits(told, "healthy") is admitted


@pytest.mark.parametrize("status", KNOWN_STATUSES)
def test_without_a_word_on_status_the_discoverable_are_meant(status: Status) -> None:
    assert DEFAULT.admits(instance(), status) is (status in ("healthy", "degraded"))


def test_a_filters_key_is_short_stable_and_its_own() -> None:
    filters = [
        DEFAULT,
        ALL,
        Filter(zone="a"),
        Filter(region="a"),
        Filter(tags=("a",)),
        Filter(tags=("a", "b")),
    ]
    keys = [filter.key for filter in filters]
    assert (keys[0], len(set(keys)), max(map(len, keys)) <= 8) == ("", len(filters), True)
    assert Filter(zone="a").key == Filter(zone="a").key
