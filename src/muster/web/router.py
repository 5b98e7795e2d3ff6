"""Routes, the surfaces they make up, and finding the one that a request means.

Several surfaces share one tree, so that `/v1/status` and `/v1/status/leader` may be of different dialects. Paths are matched on
their raw segments and decoded afterwards, so an id may hold a '/' (percent-encoded).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from muster.model.errors import Rejected
from muster.web.dialect import Dialect
from muster.web.message import MethodNotAllowed, Request

Handler = Callable[[Request], Any]
"""Returns a Response, a Known, a Stream, a Download, or an awaitable of one. A hot one never waits and may return None: 'ask me
cold'."""


class Parameter(Struct, frozen=True):
    """A query parameter, for the docs."""

    name: str
    about: str
    repeated: bool = False


class Route(Struct, frozen=True):
    """`path` holds parameters as `{name}`, and as `{name...}` one that takes the rest of the path, slashes and all. `hot`:
    answered below ASGI, without waiting. `errors`: codes beside the usual ones. `body_limit` (bytes) holds for what was sent and
    for what it inflates to. `body_optional`: none means every default. `guarded`: asks for a token though it changes nothing."""

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
    body_optional: bool = False
    media: str = "application/json"
    guarded: bool = False


class Surface(Struct, frozen=True):
    """What one dialect serves. Below the `prefixes` it also answers for paths that lead nowhere."""

    dialect: Dialect
    routes: tuple[Route, ...]
    prefixes: tuple[str, ...]


class Match(Struct, frozen=True):
    route: Route
    dialect: Dialect
    params: dict[str, str]


class _Node:
    """A place in the tree of paths. `one` stands below it for any segment, `rest` for all that follow."""

    __slots__ = ("below", "dialect", "methods", "one", "rest")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.one: _Node | None = None
        self.rest: _Node | None = None
        self.dialect: Dialect | None = None
        self.methods: dict[str, tuple[Route, list[str]]] = {}

    def reach(self, segment: str) -> _Node:
        """The node below for a segment of a route's path, made if it is new."""
        if segment.endswith("...}"):
            self.rest = self.rest or _Node()
            return self.rest
        if segment.startswith("{"):
            self.one = self.one or _Node()
            return self.one
        return self.below.setdefault(segment, _Node())


class _Leaf(Struct, frozen=True):
    """Where the paths of instances, services and such end: any segment below a path that is always the same."""

    route: Route
    dialect: Dialect
    name: str


def _leaves(path: str, node: _Node) -> Iterator[tuple[tuple[str, str], _Leaf]]:
    """Those below `node` whose segment can mean nothing else, by method and path. They are found without a search."""
    if node.one is not None and not node.below and node.rest is None:
        for method, (route, (name,)) in node.one.methods.items():
            assert node.one.dialect is not None
            yield (method, path), _Leaf(route, node.one.dialect, name)
    for segment, below in node.below.items():
        yield from _leaves(f"{path}/{segment}", below)


class Router:
    """One of the `surfaces` has the prefix `/`."""

    def __init__(self, surfaces: Iterable[Surface]) -> None:
        self.surfaces = tuple(surfaces)
        self._root = _Node()
        for surface in self.surfaces:
            for prefix in surface.prefixes:
                self._reach(prefix).dialect = surface.dialect
            for route in surface.routes:
                self._add(surface.dialect, route)
        self._leaves = dict(_leaves("", self._root))

    def _reach(self, path: str) -> _Node:
        node = self._root
        for segment in _segments(path):
            node = node.reach(segment)
        return node

    def _add(self, dialect: Dialect, route: Route) -> None:
        node = self._reach(route.path)
        if route.method in node.methods or (node.dialect or dialect) is not dialect:
            raise ValueError(f"{route.method} {route.path} is there already")
        node.dialect = dialect
        names = [part[1:-1].removesuffix("...") for part in route.path.split("/") if part.startswith("{")]
        node.methods[route.method] = (route, names)

    def match(self, method: str, raw_path: str) -> Match:
        """Raises `Rejected` (`unknown_path`, `method_not_allowed`). HEAD is answered wherever GET is."""
        prefix, _, last = raw_path.rpartition("/")
        leaf = self._leaves.get((method, prefix))
        if leaf is not None and last:
            return Match(leaf.route, leaf.dialect, {leaf.name: _decoded(last)})
        return self._search(method, raw_path)

    def _search(self, method: str, raw_path: str) -> Match:
        node, values = self._root, []
        segments = _segments(raw_path)
        for at, segment in enumerate(segments):
            nearer = node.below.get(segment)
            if nearer is None and segment and (nearer := node.one) is not None:
                values.append(segment)
            elif nearer is None and segment and (nearer := node.rest) is not None:
                values.append("/".join(segments[at:]))
                node = nearer
                break
            if nearer is None:
                raise _nowhere()
            node = nearer
        found = node.methods.get("GET" if method == "HEAD" else method)
        if found is None:
            raise MethodNotAllowed(method, node.methods) if node.methods else _nowhere()
        assert node.dialect is not None
        route, names = found
        return Match(route, node.dialect, dict(zip(names, map(_decoded, values), strict=True)))

    def dialect(self, raw_path: str) -> Dialect:
        """Whose a path is, whether it leads anywhere or not."""
        node: _Node | None = self._root
        assert node is not None
        found = node.dialect
        for segment in _segments(raw_path):
            node = node.below.get(segment) or node.one or node.rest
            if node is None:
                break
            found = node.dialect or found
        assert found is not None, "no surface answers for /"
        return found


def _segments(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []


def _nowhere() -> Rejected:
    return Rejected("unknown_path", "no such route; /openapi.json lists them")


def _decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise Rejected("unknown_path", "the path is not UTF-8") from None
