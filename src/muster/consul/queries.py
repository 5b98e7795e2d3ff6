"""What a read may ask for in its query: index and wait, consistency, filter, tags, nearness. Bad values get Consul's own words."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from muster.model import limits
from muster.model import names as native
from muster.model.errors import Rejected
from muster.web.message import Headers, Request, Response

from . import durations, replies
from .failures import Refused
from .names import Home

BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
"""Go's `strconv.ParseBool`."""


class Options(Struct, frozen=True):
    """`index` None: answer at once. `wait` in seconds, without its jitter. `peer` and `near` are names, "" for none."""

    namespace: str
    index: int | None
    wait: float
    consistency: str
    filter: str
    tags: tuple[str, ...]
    node_meta: tuple[tuple[str, str], ...]
    near: str
    peer: str
    cached: bool
    pretty: bool

    @property
    def selects(self) -> tuple[object, ...]:
        """What makes one body differ from another of the same topic."""
        return self.filter, self.tags, self.node_meta, self.near, self.peer, self.pretty


def parse(request: Request) -> Options:
    """Raises `Refused`. Whether there is such a datacenter is a question of the catalog's, not of an agent's."""
    _partition(request)
    return Options(
        namespace=namespace(request),
        index=_index(request),
        wait=_wait(request),
        consistency=_consistency(request),
        filter=first(request, "filter"),
        tags=tuple(request.query.get("tag", ())),
        node_meta=_node_meta(request),
        near=first(request, "near"),
        peer=first(request, "peer"),
        cached="cached" in request.query,
        pretty="pretty" in request.query,
    )


def first(request: Request, name: str) -> str:
    """The first value of a parameter, as Go's `url.Values.Get`."""
    return request.query.get(name, [""])[0]


def flag(request: Request, name: str) -> bool:
    """A parameter that is there means yes, unless it says no. Raises `Refused`."""
    if name not in request.query:
        return False
    value = first(request, name)
    if value and value not in BOOLEANS:
        raise Refused(400, f"Invalid value for ?{name}")
    return not value or BOOLEANS[value]


def datacenter(request: Request, home: Home) -> None:
    """There is one. Raises `Refused`."""
    asked = first(request, "dc")
    if asked and asked != home.datacenter:
        raise no_path()


def no_path() -> Refused:
    return Refused(500, "No path to datacenter")


def namespace(request: Request) -> str:
    """Consul's namespace is the registry's. Raises `Refused`."""
    name = first(request, "ns") or request.header(b"x-consul-namespace") or "default"
    try:
        return native.namespace_name(name)
    except Rejected as error:
        raise Refused(400, f"Invalid namespace: {error.detail}") from None


def _partition(request: Request) -> None:
    if first(request, "partition") not in ("", "default"):
        raise Refused(400, 'Invalid query parameter: "partition" - there is one partition, "default"')


def _index(request: Request) -> int | None:
    text = first(request, "index")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 21):
        raise Refused(400, "Invalid index")
    return int(text) or None  # "an index of 0 does not block"


def _wait(request: Request) -> float:
    text = first(request, "wait")
    try:
        wait = durations.parse(text) if text else 0.0
    except ValueError:
        raise Refused(400, "Invalid wait time") from None
    return min(wait, limits.CONSUL_WAIT_MAX_S) if wait > 0 else limits.CONSUL_WAIT_S


def _consistency(request: Request) -> str:
    stale, consistent = "stale" in request.query, "consistent" in request.query
    if stale and consistent:
        raise Refused(400, "Cannot specify ?stale with ?consistent, conflicting semantics.")
    if "cached" in request.query and consistent:
        raise Refused(400, "Cannot specify ?cached with ?consistent, conflicting semantics.")
    if "max_stale" in request.query:
        _duration(request, "max_stale")
    if stale:
        return "stale"
    return "consistent" if consistent else "leader"


def _duration(request: Request, name: str) -> None:
    text = first(request, name)
    try:
        durations.parse(text)
    except ValueError:
        raise Refused(400, f'Invalid {name} value "{native.printable(text, 64)}"') from None


def _node_meta(request: Request) -> tuple[tuple[str, str], ...]:
    """`node-meta=key:value`, of which all must hold."""
    pairs = (value.partition(":") for value in request.query.get("node-meta", ()))
    return tuple((key, value) for key, _, value in pairs)


def answer(body: bytes, index: int, options: Options) -> Response:
    """A read's answer with Consul's headers. What is served is at most as old as the registry's own view, so a cache hits."""
    headers: Headers = (
        (b"x-consul-effective-consistency", options.consistency.encode()),
        (b"x-consul-index", b"%d" % index),
        (b"x-consul-knownleader", b"true"),
        (b"x-consul-lastcontact", b"0"),
        (b"x-consul-query-backend", b"blocking-query"),
    )
    if options.cached:
        headers = (*headers, (b"x-cache", b"HIT"), (b"age", b"0"))
    return replies.encoded(body, headers=headers)
