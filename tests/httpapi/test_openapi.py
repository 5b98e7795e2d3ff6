"""The document says what the routes do: it is valid, whole, and the answers are among those it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from tests.httpapi.asking import Answer, Caller

from muster.model.errors import CODES
from muster.testing.server import LocalRegistry


@pytest.fixture(scope="module")
def document(registry: LocalRegistry) -> dict[str, Any]:
    with Caller(registry.host, registry.port) as caller:
        return dict(caller.ask("GET", "/openapi.json").json)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_route_is_in_it(registry: LocalRegistry, document: dict[str, Any]) -> None:
    native, *_ = registry.do(lambda running: running.listener.router.surfaces)
    routes = [(route.method.lower(), route.path) for route in native.routes]
    assert sorted(routes) == sorted((method, path) for method, path, _ in operations(document))


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_code_it_names_exists(document: dict[str, Any]) -> None:
    named = {
        code
        for _, _, operation in operations(document)
        for status, told in operation["responses"].items()
        if int(status) >= 400
        for code in told["description"].split(", ")
    }
    assert named <= CODES.keys()


def test_a_body_that_may_be_left_out_is_not_required(document: dict[str, Any]) -> None:
    bodies = {path: told["requestBody"] for _, path, told in operations(document) if "requestBody" in told}
    optional = {path for path, body in bodies.items() if not body["required"]}
    assert optional == {"/v1/instances/{id}/suspect", "/v1/guard/release"}


# --- asked anything, it answers as the document says ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
QUIRKS = st.sampled_from(
    ["", "0", "1", "web", "WEB", "30s", "1ms", "a b", "\x00", "é", "x" * 300, "-1", "99999999999"]
)


def guesses(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that are nearly right, so that they get past the first check."""
    if "$ref" in schema:
        return guesses(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return st.one_of([guesses(each, schemas) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            fields = {name: guesses(each, schemas) for name, each in schema["properties"].items()}
            return st.fixed_dictionaries({}, optional={name: each | JSON for name, each in fields.items()})
        case "object":
            return st.dictionaries(st.text(max_size=10), JSON, max_size=3)
        case "array":
            return st.lists(guesses(schema.get("items", {}), schemas), max_size=3)
        case "integer":
            return st.integers(-1, 70_000)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "string":
            return QUIRKS | st.text(max_size=20)
    return JSON


@st.composite
def requests(draw: st.DrawFn, document: dict[str, Any]) -> tuple[str, str, str, bytes | None]:
    """(method, route, path with query, body)."""
    method, route, operation = draw(st.sampled_from(list(operations(document))))
    quirks = QUIRKS.map(quoted)
    path = re.sub(r"\{\w+\}", lambda _: draw(quirks) or "x", route)
    told = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
    query = draw(st.lists(st.tuples(st.sampled_from([*told, "surprise"]), quirks), max_size=3))
    if "wait" in told:  # a blocked read, or a drain, would only make us wait
        query = [*((name, value) for name, value in query if name != "wait"), ("wait", "10ms")]
    body = None
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        value = draw(guesses(schema, document["components"]["schemas"]) | JSON)
        body = draw(st.just(msgspec.json.encode(value)) | st.binary(max_size=40))
    return method, route, path + "?" + "&".join(f"{name}={value}" for name, value in query), body


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def check(document: dict[str, Any], method: str, route: str, answer: Answer) -> None:
    known = document["paths"][route][method]["responses"]
    assert str(answer.status) in known, (method, route, answer)
    assert answer.status != 500, answer
    if not answer.body:
        return
    content = known[str(answer.status)].get("content", {})
    media = answer.headers["content-type"].partition(";")[0]
    assert media in content, (method, route, answer)
    if answer.status >= 400:
        assert answer.json["code"] in known[str(answer.status)]["description"].split(", "), answer
    if "json" in media and (schema := content[media]["schema"]):
        whole = {**schema, "components": document["components"]}
        errors = list(OAS31Validator(whole).iter_errors(answer.json))
        assert not errors, (method, route, errors[0].message)


STREAMS = ("/v1/watch", "/v1/instances/{id}/session")


def ask_anything(document: dict[str, Any], caller: Caller, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(document))
    def run(request: tuple[str, str, str, bytes | None]) -> None:
        method, route, path, body = request
        headers = {} if body is None else {"content_type": "application/json"}
        if route in STREAMS:
            method = "head"  # which is refused where a GET would not end
            answer = caller.ask("HEAD", path)
            assert answer.status in (400, 403, 404, 409, 503), answer
            return
        check(document, method, route, caller.ask(method.upper(), path, body, **headers))

    run()


def test_asked_anything_it_answers_as_documented(document: dict[str, Any], caller: Caller) -> None:
    caller.register("web", "web", checks=[{"kind": "ttl", "ttl": "30s"}])
    ask_anything(document, caller, 200)


@pytest.mark.slow
def test_asked_anything_for_long_it_answers_as_documented(document: dict[str, Any], caller: Caller) -> None:
    caller.register("web", "web", checks=[{"kind": "ttl", "ttl": "30s"}])
    ask_anything(document, caller, 10_000)


def test_good_answers_fit_their_schemas(document: dict[str, Any], caller: Caller, name: str) -> None:
    checks = [{"kind": "ttl", "ttl": "30s"}]
    body = {"service": name, "instance_id": name, "host": "10.0.0.1", "port": 1, "checks": checks}
    asked = [
        ("post", "/v1/register", "/v1/register", body),
        ("post", "/v1/register", "/v1/register", body),
        ("put", "/v1/heartbeat/{id}", f"/v1/heartbeat/{name}", None),
        ("post", "/v1/heartbeats", "/v1/heartbeats", {"heartbeats": [{"instance_id": name}]}),
        ("get", "/v1/services", "/v1/services", None),
        ("get", "/v1/services/{name}/instances", f"/v1/services/{name}/instances", None),
        ("get", "/v1/instances/{id}", f"/v1/instances/{name}", None),
        ("patch", "/v1/instances/{id}", f"/v1/instances/{name}", {"weight": 3}),
        ("post", "/v1/instances/{id}/check", f"/v1/instances/{name}/check", {"result": "warn"}),
        ("post", "/v1/instances/{id}/suspect", f"/v1/instances/{name}/suspect", None),
        ("get", "/v1/explain", f"/v1/explain?id={name}", None),
        ("get", "/v1/history", f"/v1/history?service={name}", None),
        ("post", "/v1/acks", "/v1/acks", {"subscriber": "x", "services": {name: 1}}),
        ("post", "/v1/instances/{id}/drain", f"/v1/instances/{name}/drain?wait=1ms", None),
        ("delete", "/v1/instances/{id}", f"/v1/instances/{name}", None),
        ("get", "/v1/guard", "/v1/guard", None),
        ("get", "/v1/status", "/v1/status", None),
        ("get", "/metrics", "/metrics", None),
        ("get", "/openapi.json", "/openapi.json", None),
        ("get", "/livez", "/livez", None),
        ("get", "/readyz", "/readyz", None),
    ]
    for method, route, path, told in asked:
        answer = caller.ask(method.upper(), path, told)
        assert answer.status < 300, (path, answer)
        check(document, method, route, answer)
