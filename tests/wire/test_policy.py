"""A policy in and out: nothing is lost, and what is wrong is named."""

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.policies import documents, policies

from muster.model.errors import Rejected
from muster.model.policy import DEFAULT, Balancer, Locality, Policy, Route, SlowStart, Split, Subset
from muster.model.resilience import BackOff, OutlierDetection, Retries, Timeouts
from muster.wire import events
from muster.wire import policy as wire
from muster.wire.events import PolicyEvent

CANARY = """
format: 1
balancer: p2c_peak_ewma
subsets:
  - {name: stable, version: "1.4"}
  - {name: canary, version: "1.5", tags: [new], metadata: {team: blue}}
splits:
  - {subset: stable, weight: 95}
  - {subset: canary, weight: 5}
routes:
  - {header: x-canary, value: always, subset: canary}
locality: {mode: failover, remote: true, callers: {a: 3, b: 1}}
timeouts: {request: 5s, connect: 250ms}
retries: {num_retries: 1, retry_on: [connect-failure, 5xx], back_off: {base_interval: 10ms}}
slow_start: {window: 1m}
outlier_detection: {consecutive_5xx: 3, max_ejection_percent: 30}
"""


def test_a_document_as_people_write_it() -> None:
    assert wire.parse(yaml.safe_load(CANARY)) == Policy(
        balancer=Balancer(name="p2c_peak_ewma"),
        subsets=(
            Subset(name="stable", version="1.4"),
            Subset(name="canary", version="1.5", tags=("new",), metadata={"team": "blue"}),
        ),
        splits=(Split(subset="stable", weight=95), Split(subset="canary", weight=5)),
        routes=(Route(header="x-canary", value="always", subset="canary"),),
        locality=Locality(mode="failover", remote=True, callers={"a": 3, "b": 1}),
        timeouts=Timeouts(request=5.0, connect=0.25),
        retries=Retries(
            num_retries=1, retry_on=("connect-failure", "5xx"), back_off=BackOff(base_interval=0.01)
        ),
        slow_start=SlowStart(window=60.0),
        outlier_detection=OutlierDetection(consecutive_5xx=3, max_ejection_percent=30),
    )


def test_nothing_said_is_the_default() -> None:
    assert wire.parse({}) == DEFAULT
    assert wire.document(DEFAULT) == {"format": 1}


def test_the_shortest_document_says_what_differs() -> None:
    written = wire.document(Policy(balancer=Balancer(name="maglev"), timeouts=Timeouts(request=90.0)))
    assert written == {"format": 1, "balancer": "maglev", "timeouts": {"request": "90s"}}


def test_the_full_document_says_everything() -> None:
    written = wire.document(DEFAULT, full=True)
    assert written.keys() == set(Policy.__struct_fields__)
    assert written["outlier_detection"]["base_ejection_time"] == "30s"


@given(policies())
def test_what_is_written_reads_back_the_same(policy: Policy) -> None:
    assert wire.decode(wire.encode(policy)) == policy
    assert wire.parse(wire.document(policy, full=True)) == policy
    assert wire.parse(yaml.safe_load(yaml.safe_dump(wire.document(policy)))) == policy


@given(policies())
def test_a_watcher_is_told_what_was_written(policy: Policy) -> None:
    told = PolicyEvent("web", 7, wire.document(policy))
    heard = events.decode("policy", events.encode(told)[1])
    assert isinstance(heard, PolicyEvent)
    assert heard.policy is not None
    assert wire.parse(heard.policy) == policy


@given(documents())
def test_every_field_reaches_the_policy(document: dict[str, Any]) -> None:
    """Nothing is lost between a full document and what was said in it."""
    told = wire.document(wire.parse(document), full=True)
    assert wire.document(wire.parse(told), full=True) == told


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"balancr": "p2c"}, "balancr"),
        ({"balancer": "best"}, "balancer.name"),
        ({"balancer": {"name": "maglev", "table_size": 100}}, "balancer.table_size"),
        ({"balancer": {"name": "maglev", "hash_balance_factor": 99}}, "balancer.hash_balance_factor"),
        ({"balancer": {"minimum_ring_size": 10, "maximum_ring_size": 5}}, "balancer.maximum_ring_size"),
        ({"format": 2}, "format"),
        ({"timeouts": {"request": "5 parsecs"}}, "timeouts.request"),
        ({"timeouts": {"request": "2h"}}, "timeouts.request"),
        ({"timeouts": {"connect": 0}}, "timeouts.connect"),
        ({"retries": {"num_retries": 99}}, "retries.num_retries"),
        ({"retries": {"num_retries": "2"}}, "retries.num_retries"),
        ({"retries": {"retry_on": ["5xx", "sometimes"]}}, "retries.retry_on[1]"),
        ({"retries": {"back_off": {"base_interval": "1s"}}}, "retries.back_off.max_interval"),
        ({"retries": {"back_off": 3}}, "retries.back_off"),
        ({"breaker": {"open_time": "1m"}}, "breaker.max_open_time"),
        ({"outlier_detection": {"max_ejection_percent": 101}}, "outlier_detection.max_ejection_percent"),
        ({"outlier_detection": {"base_ejection_time": "10m"}}, "outlier_detection.max_ejection_time"),
        ({"subsets": [{"name": "a"}, {"version": "1"}]}, "subsets[1].name"),
        ({"subsets": [{"name": "a"}, {"name": "a"}]}, "subsets"),
        ({"subsets": [{"name": "a", "version": "1\n2"}]}, "subsets[0].version"),
        ({"splits": [{"subset": "a", "weight": 1}]}, "splits[0].subset"),
        ({"subsets": [{"name": "a"}], "splits": [{"subset": "a", "weight": 0}]}, "splits"),
        ({"subsets": [{"name": "a"}], "splits": [{"subset": "a", "weight": -1}]}, "splits[0].weight"),
        ({"routes": [{"header": "x", "subset": "b"}]}, "routes[0].subset"),
        ({"fallback": "default_subset"}, "default_subset"),
        ({"panic_threshold": 50.5}, "panic_threshold"),
        ({"slow_start": {"aggression": 0}}, "slow_start.aggression"),
        ({"locality": {"callers": {"a": float("nan")}}}, "locality.callers[...]"),
    ],
)
def test_what_is_wrong_is_named(told: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as refused:
        wire.parse(told)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b'{"a":1,"a":2}', b"[" * 50_000, b'{"format":1' + b" " * 70_000 + b"}"]
)
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        wire.decode(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_comes_is_read_or_refused(told: object) -> None:
    try:
        assert isinstance(wire.parse(told), Policy)
    except Rejected:
        pass


def test_the_document_fits_its_bound_with_every_field() -> None:
    assert len(msgspec.json.encode(wire.document(DEFAULT, full=True))) < 4096
