"""Whatever is posted, the answer is Eureka's, and what was refused has left no trace."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.eureka.asking import Eureka
from tests.eureka.conftest import XML_INSTANCE, body
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

FIELDS = sorted(body("web")["instance"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$", "@enabled", "@class", "name", "k", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.dictionaries(st.sampled_from(FIELDS), JUNK, min_size=1, max_size=3))
def test_json_of_any_shape(caller: Caller, registry: LocalRegistry, fields: dict[str, Any]) -> None:
    told = msgspec.json.encode({"instance": body("fuzz")["instance"] | fields})
    judged(caller, registry, told, "application/json")


@QUICK
@given(st.data())
def test_xml_with_bytes_changed(caller: Caller, registry: LocalRegistry, data: st.DataObject) -> None:
    told = bytearray(XML_INSTANCE.format(app="FUZZ").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(told) - 1))
        told[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    judged(caller, registry, bytes(told), "application/xml")


@QUICK
@given(
    st.sampled_from(['"\\ud800"', '"\\u0000"', "1e999", '"\\u2028"', '"' + "x" * 3000 + '"']),
    st.sampled_from(FIELDS),
)
def test_texts_that_are_none(caller: Caller, registry: LocalRegistry, literal: str, field: str) -> None:
    told = msgspec.json.encode({"instance": body("fuzz")["instance"] | {field: "HERE"}})
    judged(caller, registry, told.replace(b'"HERE"', literal.encode()), "application/json")


def judged(caller: Caller, registry: LocalRegistry, told: bytes, media: str) -> None:
    before = registry.do(lambda running: running.registry.revision)
    answer = Eureka(caller).ask("POST", "/apps/FUZZ", told, content_type=media)
    assert answer.status in (204, 400), (answer, told)
    if answer.status == 204:
        for accept in ("application/json", "application/xml"):
            assert Eureka(caller).ask("GET", "/apps/FUZZ", accept=accept).status == 200
    else:
        assert registry.do(lambda running: running.registry.revision) == before
