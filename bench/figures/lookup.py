"""Look-ups: `GET /v1/services/x/instances`, 10 instances, 64 keep-alive connections, beside nginx returning the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.request import urlopen

from msgspec import Struct

from bench.figure import Number, Scale, ratios
from bench.nginx import nginx
from bench.registry import Registry, body, registry
from bench.wrk import Load, wrk

PLAIN = "/v1/services/web/instances"
FILTERED = "/v1/services/web/instances?zone=z1"


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    instances: int = 10


SIZES = {"full": Size(5, 5), "quick": Size(1, 2), "tiny": Size(1, 1)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    with registry() as ours:
        for number in range(size.instances):
            ours.ask("POST", "/v1/register", body(number, "web"))
        return [
            *_beside_nginx(ours, PLAIN, size, "plain", 0.6),
            *_beside_nginx(ours, FILTERED, size, "with a zone filter", 0.5),
        ]


def _beside_nginx(ours: Registry, path: str, size: Size, what: str, bound: float) -> list[Number]:
    with urlopen(ours.url + path) as answer, nginx(200, answer.read()) as (reference, port):
        pairs = [
            (
                wrk(ours.running, ours.port, path, seconds=size.seconds),
                wrk(reference, port, "/", seconds=size.seconds),
            )
            for _ in range(size.runs)
        ]
    return beside(f"look-up, {what}", pairs, bound)


def beside(
    what: str, pairs: Sequence[tuple[Load, Load]], bound: float, whose: str = "nginx's"
) -> list[Number]:
    """A rate to nginx's; and the same by the server's own CPU, which neither wrk's limit nor a busy machine distorts."""
    ours, theirs = [load for load, _ in pairs], [load for _, load in pairs]
    assert not any(load.errors for load in ours), f"{ours[0].errors} answers were no 2xx"
    rates = ratios([load.rate for load in ours], [load.rate for load in theirs])
    costs = ratios([load.cost for load in theirs], [load.cost for load in ours])
    last, reference = ours[-1], theirs[-1]
    return [
        Number(
            f"{what}: rate to {whose}",
            rates,
            "x",
            at_least=bound,
            beside=f"{last.rate:,.0f}/s to {reference.rate:,.0f}/s",
        ),
        Number(
            f"{what}: requests per CPU second to {whose}",
            costs,
            "x",
            at_least=bound,
            beside=f"{last.cost:.2f} us to {reference.cost:.2f} us",
        ),
    ]
