"""One table of routes: dispatch, OpenAPI and the reference page are all made from it.

Paths are matched on their raw segments and decoded afterwards, so an id may hold a '/' (percent-encoded).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from muster.httpapi.message import MethodNotAllowed, Request
from muster.model.errors import Rejected

Handler = Callable[[Request], Any]
"""Returns a Response, a Stream, a Download, or an awaitable of one. A hot one never waits and may return None: 'ask me cold'."""


class Parameter(Struct, frozen=True):
    """A query parameter, for the docs."""

    name: str
    about: str
    repeated: bool = False


class Route(Struct, frozen=True):
    """`path` holds parameters as `{name}`. `hot`: answered below ASGI, without waiting. `errors`: codes beside the usual ones.
    `guarded`: asks for a token though it changes nothing."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: tuple[Parameter, ...] = ()
    body: Any = None
    returns: Any = None
    status: int = 200
    errors: tuple[str, ...] = ()
    hot: Handler | None = None
    body_limit: int = 0
    media: str = "application/json"
    guarded: bool = False


class Match(Struct, frozen=True):
    route: Route
    params: dict[str, str]


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root: dict[str, Any] = {}
        for route in self.routes:
            node = self._root
            for part in route.path.strip("/").split("/"):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            node.setdefault("", {})[route.method] = (
                route,
                [part[1:-1] for part in route.path.split("/") if part.startswith("{")],
            )

    def match(self, method: str, raw_path: str) -> Match:
        """Raises `Rejected` (`unknown_path`, `method_not_allowed`). HEAD is answered wherever GET is."""
        node = self._root
        values: list[str] = []
        for part in raw_path.strip("/").split("/"):
            if part in node and part:
                node = node[part]
            elif "{}" in node and part:
                node = node["{}"]
                values.append(part)
            else:
                raise Rejected("unknown_path", "no such route; /openapi.json lists them")
        methods = node.get("", {})
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            if not methods:
                raise Rejected("unknown_path", "no such route; /openapi.json lists them")
            raise MethodNotAllowed(methods)
        route, names = found
        return Match(route, dict(zip(names, map(_decoded, values), strict=True)))


def _decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise Rejected("unknown_path", "the path is not UTF-8") from None
