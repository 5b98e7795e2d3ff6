"""DNS over UDP: A of 8 addresses, and SRV with the addresses of its targets, beside Knot with the same records in a zone; and
whether a change that was acknowledged is in the next answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench.dnsperf import dnsperf
from bench.figure import Number, Scale, quantile
from bench.figures.lookup import beside
from bench.knot import knot
from bench.names import answers_to, query
from bench.registry import HOST, Registry, body, free_port, registry

INSTANCES = 8
NAME = "web.service.consul"


class Size(Struct, frozen=True):
    runs: int
    seconds: float
    changes: int


SIZES = {"full": Size(5, 5, 500), "quick": Size(1, 2, 100), "tiny": Size(1, 1, 5)}


def measure(scale: Scale) -> Sequence[Number]:
    size = SIZES[scale]
    port = free_port()
    with registry("--dns", f"{HOST}:{port}") as ours:
        hosts = [_register(ours, number) for number in range(INSTANCES)]
        shown = _shown(ours, port, size.changes)  # at once: a connection that is idle for long is closed
        with knot(list(_zone(hosts))) as (reference, its_port):
            numbers = [
                number
                for kind in ("A", "SRV")
                for number in beside(
                    f"DNS, {kind} of {INSTANCES}",
                    [
                        (
                            dnsperf(ours.running, port, f"{NAME} {kind}", seconds=size.seconds),
                            dnsperf(reference, its_port, f"{NAME} {kind}", seconds=size.seconds),
                        )
                        for _ in range(size.runs)
                    ],
                    0.5,
                    "Knot's",
                )
            ]
        return [*numbers, *shown]


def _register(ours: Registry, number: int) -> str:
    told = body(number, "web")
    ours.ask("POST", "/v1/register", told)
    return str(told["host"])


def _zone(hosts: Sequence[str]) -> Iterator[str]:
    """The records of our answers."""
    for host in hosts:
        target = f"{socket.inet_aton(host).hex()}.addr.dc1"
        yield f"web.service A {host}"
        yield f"web.service SRV 1 100 8080 {target}"
        yield f"{target} A {host}"


def _shown(ours: Registry, port: int, changes: int) -> list[Number]:
    """Each change is asked for as soon as it is acknowledged."""
    waits, asked = [], 0
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((HOST, port))
        client.settimeout(5)
        for change in range(changes):
            there = change % 2 == 0
            if there:
                ours.ask("POST", "/v1/register", body(INSTANCES, "web"))
            else:
                ours.ask("DELETE", f"/v1/instances/web-{INSTANCES}")
            wait, questions = _until(client, INSTANCES + there)
            waits.append(wait)
            asked += questions
    what = "DNS, a change acknowledged until an answer shows it"
    return [
        Number(what, (quantile(waits, 0.5) * 1000,), "ms", at_most=5, beside=f"median of {changes}"),
        Number(f"{what}: questions", (asked / changes,), "questions", at_most=1),
    ]


def _until(client: socket.socket, count: int) -> tuple[float, int]:
    """The time, and how often it had to be asked."""
    began, asked = time.monotonic(), 0
    while True:
        client.send(query(NAME))
        asked += 1
        if answers_to(client.recv(2048)) == count:
            return time.monotonic() - began, asked
