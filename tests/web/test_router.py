"""Several surfaces in one tree: the longest match decides whose a path is."""

import pytest

from muster.httpapi.problems import NATIVE
from muster.model.errors import Rejected, Unavailable
from muster.web.dialect import Dialect
from muster.web.message import Headers, MethodNotAllowed, Request, Response
from muster.web.router import Route, Router, Surface


def plain(error: Rejected | Unavailable, headers: Headers) -> Response:
    return Response(500, error.code.encode(), media=b"text/plain")


def nothing(request: Request) -> Response:
    return Response(204)


def route(method: str, path: str) -> Route:
    return Route(method, path, nothing, "")


FOREIGN = Dialect("foreign", plain)
OURS = Surface(NATIVE, (route("GET", "/v1/status"), route("PUT", "/v1/heartbeat/{id}")), ("/",))
THEIRS = Surface(
    FOREIGN,
    (
        route("GET", "/v1/status/leader"),
        route("PUT", "/v1/agent/service/register"),
        route("PUT", "/v1/agent/service/deregister/{id...}"),
        route("GET", "/v1/agent/service/{id}"),
    ),
    ("/v1/agent", "/v1/catalog"),
)
ROUTER = Router([OURS, THEIRS])


@pytest.mark.parametrize(
    ("method", "path", "found", "params"),
    [
        ("GET", "/v1/status", "/v1/status", {}),
        ("HEAD", "/v1/status/", "/v1/status", {}),
        ("PUT", "/v1/heartbeat/a%2Fb", "/v1/heartbeat/{id}", {"id": "a/b"}),
        ("PUT", "/v1/heartbeat/{}", "/v1/heartbeat/{id}", {"id": "{}"}),
        ("GET", "/v1/status/leader", "/v1/status/leader", {}),
        ("PUT", "/v1/agent/service/register", "/v1/agent/service/register", {}),
        ("GET", "/v1/agent/service/web", "/v1/agent/service/{id}", {"id": "web"}),
        (
            "PUT",
            "/v1/agent/service/deregister/a/b%20c",
            "/v1/agent/service/deregister/{id...}",
            {"id": "a/b c"},
        ),
    ],
)
def test_a_path_leads_to_its_route(method: str, path: str, found: str, params: dict[str, str]) -> None:
    match = ROUTER.match(method, path)
    assert (match.route.path, match.params) == (found, params)
    assert match.dialect is ROUTER.dialect(path)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/", NATIVE),
        ("/nowhere", NATIVE),
        ("/v1/status/nothing", NATIVE),
        ("/v1/heartbeat", NATIVE),
        ("/v1/status/leader/x", FOREIGN),
        ("/v1/agent", FOREIGN),
        ("/v1/agent/nothing/at/all", FOREIGN),
        ("/v1/catalog/x", FOREIGN),
        ("/v1/agent//x", FOREIGN),
        ("/v1/agent/service/deregister", FOREIGN),
    ],
)
def test_a_path_that_leads_nowhere_is_somebodys_all_the_same(path: str, dialect: Dialect) -> None:
    with pytest.raises(Rejected) as raised:
        ROUTER.match("GET", path)
    assert raised.value.code == "unknown_path"
    assert ROUTER.dialect(path) is dialect


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(MethodNotAllowed, match="GET, HEAD"):
        ROUTER.match("PUT", "/v1/status")


@pytest.mark.parametrize("path", ["/v1/status", "/v1/status/leader"])
def test_a_path_is_served_by_one_surface(path: str) -> None:
    for first, second in ((OURS, THEIRS), (THEIRS, OURS)):
        third = Surface(second.dialect, (route("GET", path), route("PUT", path)), ())
        if any(each.path == path for each in first.routes):
            with pytest.raises(ValueError, match="there already"):
                Router([first, third])
