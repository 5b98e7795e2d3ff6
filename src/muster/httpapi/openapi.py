"""OpenAPI 3.1, made from the table of routes and the types of bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from muster.model.errors import CODES
from muster.web.router import Route
from muster.wire import problem

REF = "#/components/schemas/{name}"
EVERYWHERE = ("invalid_request", "host_not_allowed", "body_too_large", "head_too_large", "internal_error")
CHANGES = ("origin_not_allowed",)
WITH_BODY = ("invalid_json",)
TOKEN = ("token_required", "token_invalid")


def document(routes: Iterable[Route], version: str) -> bytes:
    """The document as JSON, stable between runs."""
    routes = list(routes)
    types = [type_ for route in routes for type_ in (route.body, route.returns) if type_ is not None]
    types = list(dict.fromkeys([*types, problem.Problem]))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Muster",
                "version": version,
                "description": "Service discovery: who can safely take the next request, right now.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def codes_of(route: Route) -> list[str]:
    """Every problem code a route can answer with."""
    codes = [*EVERYWHERE, *route.errors]
    if _wants_token(route):
        codes += TOKEN
    if route.method != "GET":
        codes += CHANGES
    if route.body_limit:
        codes += ("media_type",)
    if route.body is not None:
        codes += WITH_BODY
    return list(dict.fromkeys(codes))


def _wants_token(route: Route) -> bool:
    return route.method != "GET" or route.guarded


def _operation(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route, schema_of),
    }
    if route.body is not None:
        content = {"application/json": {"schema": schema_of[route.body]}}
        operation["requestBody"] = {"required": not route.body_optional, "content": content}
    if _wants_token(route):
        operation["security"] = [{"token": []}, {}]
    return operation


def _name(route: Route) -> str:
    words = re.sub(r"[^a-z]+", " ", route.path.replace("/v1", "")).split()
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    in_query = [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.about,
            "schema": {"type": "array", "items": text} if parameter.repeated else text,
        }
        for parameter in route.query
    ]
    if route.path.startswith("/v1"):
        about = "The tenant; `default` if not given."
        in_query.append({"name": "namespace", "in": "query", "description": about, "schema": text})
    return in_path + in_query


def _responses(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done." if route.status == 204 else "The answer."}
    if route.status != 204:
        schema = schema_of[route.returns] if route.returns is not None else {}
        good["content"] = {route.media: {"schema": schema}}
    responses = {str(route.status): good}
    if route.status == 201:
        responses["200"] = {**good, "description": "Nothing changed: it was registered so already."}
    schema = schema_of[problem.Problem]
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route):
        by_status.setdefault(CODES[code][0], []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": ", ".join(codes),
            "content": {problem.MEDIA_TYPE: {"schema": schema}},
        }
    return responses
