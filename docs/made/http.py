"""`reference/http.md`: the native API, from the table of routes and the types of bodies."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from muster.httpapi.openapi import CHANGES, EVERYWHERE, WITH_BODY
from muster.httpapi.routes import routes
from muster.model.errors import CODES
from muster.web.router import Route
from muster.wire import events

from .markdown import code, head, table

INTRODUCTION = """\
JSON over HTTP/1.1, on port 8500 if nothing else is said. A running registry describes the same API at `/openapi.json` (OpenAPI 3.1).
How to use it from a language without a library: [a client of your own](../how-to/client-in-another-language.md).

- **Namespace.** Every route under `/v1` takes `?namespace=NAME`; without it, `default` is meant.
- **Ids in paths** are percent-encoded: the instance `a/b` is `/v1/instances/a%2Fb`.
- **Bodies** are JSON with `Content-Type: application/json`. Unknown fields, duplicate keys and unknown query parameters are refused.
- **Times** in requests are seconds (`30`, `0.5`) or text (`"500ms"`, `"30s"`, `"5m"`). Fields that end in `_ms` and `_at` are milliseconds.
- **Tokens.** Where the registry has a tokens file, every method but GET and HEAD needs `Authorization: Bearer TOKEN`.
- **Owner secrets.** Where an instance was registered with one, its heartbeats, session, drain, checks, change and removal need
  `Muster-Owner-Secret: SECRET`; a watch stream with several sessions sends several, between commas.
- **Look-ups** carry `ETag` (send it as `If-None-Match`, and 304 says that nothing changed), `Muster-Index` (the revision to pass as
  `index`) and `Muster-Age` (seconds since the registry last knew itself in step with its store). A stream carries `Muster-Subscriber`
  and `Muster-Epoch`.
- **Failures** are problems with a stable [code](errors.md). Every route may answer {everywhere}; a method other than GET also {changes};
  a request with a body also {bodies}. A route lists what else it may answer. HEAD is answered wherever GET is.
"""
GROUPS = {
    "Taking part": ("/v1/register", "/v1/heartbeat", "/v1/acks"),
    "Looking": ("/v1/services", "/v1/watch", "/v1/explain", "/v1/prometheus"),
    "Instances": ("/v1/instances",),
    "Steering": ("/v1/policies",),
    "Operating": ("/",),
}
"""Title -> beginnings of paths; a route stands under the first that fits."""


class Nobody:
    """In place of the handlers: the table is wanted, not what stands behind it."""

    def __getattr__(self, name: str) -> None:
        return None


def page() -> str:
    table_of_routes = routes(Nobody(), Nobody(), Nobody(), Nobody())  # type: ignore[arg-type]
    types = [kind for route in table_of_routes for kind in (route.body, route.returns) if kind is not None]
    types = list(dict.fromkeys([*types, *events.TYPES.values()]))
    schemas, components = msgspec.json.schema_components(types, ref_template="{name}")
    names = {type_: kind(schema) for type_, schema in zip(types, schemas, strict=True)}
    introduction = INTRODUCTION.format(
        everywhere=listed(EVERYWHERE), changes=listed(CHANGES), bodies=listed(WITH_BODY)
    )
    parts = [head("The HTTP API", "the table of routes"), introduction, *contents(table_of_routes)]
    for title, group in grouped(table_of_routes).items():
        parts.append(f"## {title}\n")
        for route in group:
            parts += section(route, names)
    return "\n".join([*parts, *stream_events(names), *values(components)])


def grouped(table_of_routes: list[Route]) -> dict[str, list[Route]]:
    groups: dict[str, list[Route]] = {title: [] for title in GROUPS}
    for route in table_of_routes:
        title = next(title for title, starts in GROUPS.items() if any(map(route.path.startswith, starts)))
        groups[title].append(route)
    return groups


def contents(table_of_routes: list[Route]) -> Iterator[str]:
    rows = [
        (f"[`{route.method} {route.path}`](#{anchor(f'{route.method} {route.path}')})", route.summary)
        for group in grouped(table_of_routes).values()
        for route in group
    ]
    yield table(("route", ""), rows)


def anchor(title: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def section(route: Route, names: Mapping[Any, str]) -> Iterator[str]:
    yield f"### {route.method} {route.path}\n"
    yield f"{route.summary}\n"
    if route.query:
        yield table(("query", ""), [(query(each.name, each.repeated), each.about) for each in route.query])
    if route.body is not None:
        empty = " or nothing" if route.body_optional else ""
        yield f"Body: {names[route.body]}{empty}, at most {route.body_limit:,} bytes.\n"
    yield f"Answers {answer(route, names)}.\n"
    if route.errors:
        yield f"Problems: {listed(route.errors)}.\n"


def query(name: str, repeated: bool) -> str:
    return f"{code(name)} (may be repeated)" if repeated else code(name)


def answer(route: Route, names: Mapping[Any, str]) -> str:
    if route.status == 204:
        return "204"
    what = names[route.returns] if route.returns is not None else code(route.media)
    unchanged = ", or 200 if nothing changed" if route.status == 201 else ""
    return f"{route.status}{unchanged}: {what}"


def listed(codes: Iterable[str]) -> str:
    return ", ".join(f"{code(name)} ({CODES[name][0]})" for name in codes)


def stream_events(names: Mapping[Any, str]) -> Iterator[str]:
    yield "## Events of a stream\n"
    yield f"```text\n{inspect.getdoc(events)}\n```\n"
    yield table(("event", "data"), [(code(name), names[kind]) for name, kind in events.TYPES.items()])


def values(components: Mapping[str, Any]) -> Iterator[str]:
    yield "## Bodies\n"
    for name, schema in sorted(components.items()):
        yield f"### {name}\n"
        if "description" in schema:
            yield f"{schema['description']}\n"
        required = schema.get("required", [])
        rows = [
            (code(field), kind(told), must(field, told, required))
            for field, told in schema["properties"].items()
        ]
        yield table(("field", "type", ""), rows)


def must(field: str, told: Mapping[str, Any], required: list[str]) -> str:
    if field in required:
        return "always"
    default = told.get("default")
    return "" if default in (None, "", [], {}) else f"default {code(msgspec.json.encode(default).decode())}"


def kind(told: Mapping[str, Any]) -> str:
    """A JSON schema's type in a few words."""
    match told:
        case {"$ref": name}:
            return link(name)
        case {"enum": choices}:
            return " or ".join(code(msgspec.json.encode(choice).decode()) for choice in choices)
        case {"anyOf": several}:
            return " or ".join(map(kind, several))
        case {"type": "array", "items": inner} if isinstance(inner, Mapping):
            return f"list of {together(inner)}"
        case {"type": "object", "additionalProperties": inner} if isinstance(inner, Mapping):
            return f"object of {together(inner)}"
    return str(told.get("type", "anything"))


def together(told: Mapping[str, Any]) -> str:
    return f"({kind(told)})" if "anyOf" in told else kind(told)


def link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
