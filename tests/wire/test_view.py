"""Views, digests, events and problems: what one end writes the other reads."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model.instance import Endpoint
from muster.testing.builders import NOON, instance, record
from muster.wire import events, problem, view
from muster.wire.events import AliveEvent, Gone, Position, RemoveEvent, SnapshotEvent, UpsertEvent
from muster.wire.view import InstanceList, InstanceView

VIEW = view.of(record(instance(weight=7, tags=("x",), metadata={"k": "ü"}), generation=3, overdue=True), 9)


def test_an_instance_as_callers_see_it() -> None:
    assert (
        InstanceView(
            instance_id="web-1",
            service="web",
            namespace="default",
            host="10.0.0.1",
            port=80,
            endpoints=(Endpoint("default", 80, "http"),),
            zone="a",
            region="",
            version="",
            deployment_group="",
            weight=7,
            tags=("x",),
            metadata={"k": "ü"},
            status="healthy",
            overdue=True,
            generation=3,
            revision=9,
            registered_at=NOON,
        )
        == VIEW
    )


@pytest.mark.parametrize("instances", [(), (VIEW,), (VIEW, VIEW)])
def test_a_look_ups_body_is_joined_from_encoded_instances(instances: tuple[InstanceView, ...]) -> None:
    body = view.list_body("web", 9, "e1", True, map(view.encode, instances))
    assert msgspec.json.decode(body, type=InstanceList) == InstanceList("web", 9, "e1", True, instances)


@pytest.mark.parametrize("more", [True, False])
def test_a_streams_body_is_joined_from_encoded_instances(more: bool) -> None:
    snapshot = events.snapshot_body("web", 9, [view.encode(VIEW)], exists=True, settled=False, more=more)
    assert events.decode("snapshot", snapshot) == SnapshotEvent("web", 9, True, False, (VIEW,), more)
    upsert = events.upsert_body("web", 9, [view.encode(VIEW)], more=more)
    assert events.decode("upsert", upsert) == UpsertEvent("web", 9, (VIEW,), more)


@pytest.mark.parametrize(
    "event",
    [
        events.ResumedEvent(5, True),
        RemoveEvent("web", 5, (Gone("a", "expired"),), False),
        AliveEvent(5, "00ff", True, 12),
        events.AckEvent("web", 5),
        events.ResetEvent("e2", "restored"),
        events.GoAwayEvent("stopping"),
    ],
)
def test_every_event_reads_back(event: events.Event) -> None:
    assert events.decode(*events.encode(event)) == event


def test_an_event_of_a_later_version_is_left_alone() -> None:
    assert events.decode("sparkle", b"{}") is None


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("00ff:12", Position("00ff", 12)),
        ("", None),
        ("00ff", None),
        ("00FF:1", None),
        ("00ff:-1", None),
        ("00ff:1 ", None),
        ("0" * 33 + ":1", None),
        ("00ff:" + "9" * 20, None),
    ],
)
def test_positions(text: str, position: Position | None) -> None:
    assert events.position(text) == position
    assert position is None or str(position) == text


def test_a_digest_term_is_what_the_contract_says() -> None:
    expected = hashlib.blake2b(b"web-1\x003\x009", digest_size=8).digest()
    assert view.digest_term("web-1", 3, 9) == int.from_bytes(expected, "big")


@given(
    st.lists(st.tuples(st.text(max_size=5), st.integers(1, 99), st.integers(1, 99)), max_size=6), st.randoms()
)
def test_a_digest_does_not_depend_on_order(told: list[tuple[str, int, int]], random: object) -> None:
    terms = [view.digest_term(*each) for each in told]
    shuffled = list(terms)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert view.digest(terms) == view.digest(shuffled) < view.DIGEST_MODULUS


def test_a_problem_reads_back_and_a_proxys_page_is_none() -> None:
    told = problem.problem("invalid_request", "must be 1 to 65535", "port")
    assert problem.decode(problem.encode(told)) == told
    assert [problem.decode(body) for body in (b"<html>", b"{}", b"\xff")] == [None] * 3
