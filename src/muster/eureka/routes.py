"""Every route of Eureka's API, below both of its prefixes: Spring Cloud's `/eureka` and Netflix' `/eureka/v2`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from muster.model import limits, names
from muster.model.errors import CODES, Rejected, Unavailable
from muster.registry.registry import Registry
from muster.web.dialect import Dialect, bearer
from muster.web.message import Headers, MethodNotAllowed, Request, Response
from muster.web.router import Parameter, Route, Surface

from .info import InstanceInfo
from .reads import Reads
from .views import Views
from .writes import Writes

PREFIXES: Final = ("/eureka", "/eureka/v2")
DIRTY: Final = Parameter("lastDirtyTimestamp", "When the instance last had news of itself, in ms.")


def surface(registry: Registry, *, dots: bool) -> Surface:
    views = Views(registry)
    reads, writes = Reads(registry, views), Writes(registry, views, dots=dots)
    found = [route for prefix in PREFIXES for route in (*_looking(prefix, reads), *_changing(prefix, writes))]
    return Surface(EUREKA, tuple(found), PREFIXES[:1])


def _looking(prefix: str, reads: Reads) -> Iterator[Route]:
    regions = (Parameter("regions", "Accepted, and without effect: there are no remote regions."),)
    yield Route("GET", f"{prefix}/apps", reads.apps, "Every app with its instances.", query=regions)
    yield Route(
        "GET", f"{prefix}/apps/delta", reads.delta, "What changed in the last three minutes.", query=regions
    )
    yield Route("GET", f"{prefix}/apps/{{app}}", reads.app, "One app.")
    yield Route("GET", f"{prefix}/apps/{{app}}/{{id}}", reads.instance, "One instance of an app.")
    yield Route("GET", f"{prefix}/instances/{{id}}", reads.anywhere, "One instance, whatever its app.")
    yield Route("GET", f"{prefix}/vips/{{vip}}", reads.vip, "Instances with a virtual address.")
    yield Route(
        "GET", f"{prefix}/svips/{{vip}}", reads.secure_vip, "Instances with a secure virtual address."
    )


def _changing(prefix: str, writes: Writes) -> Iterator[Route]:
    one = f"{prefix}/apps/{{app}}/{{id}}"
    yield Route(
        "POST",
        f"{prefix}/apps/{{app}}",
        writes.register,
        "Register.",
        body=InstanceInfo,
        status=204,
        body_limit=limits.BODY_BYTES,
    )
    yield Route(
        "PUT",
        one,
        writes.sure(writes.renew_slow),
        "Renew the lease.",
        hot=writes.renew,
        query=(DIRTY, Parameter("status", "Accepted, and without effect.")),
        body_limit=limits.BODY_BYTES,
    )
    yield Route("DELETE", one, writes.sure(writes.cancel), "Deregister.")
    yield Route(
        "PUT",
        f"{one}/status",
        writes.sure(writes.override),
        "Override the status.",
        query=(Parameter("value", "The status."), DIRTY),
        body_limit=limits.BODY_BYTES,
    )
    yield Route(
        "DELETE",
        f"{one}/status",
        writes.sure(writes.end_override),
        "End the override.",
        body_limit=limits.BODY_BYTES,
    )
    yield Route(
        "PUT",
        f"{one}/metadata",
        writes.sure(writes.metadata),
        "Set metadata.",
        body_limit=limits.BODY_BYTES,
    )


# --- Dialect ----------------------------------------------------------------------------------------------------------


def refusal(error: Rejected | Unavailable, headers: Headers) -> Response:
    """Eureka says why in plain text, and nothing at all of what is not there."""
    status, _ = CODES[error.code]
    if status == 404:
        return Response(404)
    further: list[tuple[bytes, bytes]] = []
    if isinstance(error, Unavailable):
        further.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if error.code == "token_required":
        further.append((b"www-authenticate", b'Basic realm="muster"'))
    if isinstance(error, MethodNotAllowed):
        further.append((b"allow", error.allow.encode()))
    return Response(status, names.printable(str(error), 1000).encode(), further, b"text/plain; charset=utf-8")


def token(request: Request) -> bytes | None:
    """A bearer token, or the password of `http://anybody:TOKEN@host:8500/eureka`, which is all that Eureka's clients can be
    configured with."""
    scheme, _, credentials = request.header(b"authorization").partition(" ")
    if scheme.lower() != "basic":
        return bearer(request)
    try:
        user, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return password if colon else user


EUREKA: Final = Dialect(
    "eureka", refusal, token, frozenset({"application/json", "application/xml", "text/xml"})
)
