"""`reference/metrics.md`: every metric, from a scrape of a registry that has something to tell, and of one that is a replica."""

import asyncio
import http.client
import re
import socket
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

from muster.observe.histogram import Histogram
from muster.observe.lag import LagMeter
from muster.observe.metrics import Metrics
from muster.peers.client import HttpPeers
from muster.registry.registry import Registry
from muster.registry.replicas.port import Member, Shared
from muster.server.app import running
from muster.server.settings import Address, Settings
from muster.server.sockets import listening, named
from muster.storage.memory import MemoryStore
from muster.testing.prober import ScriptedProber
from muster.testing.simulation.loop import VirtualLoop, in_virtual_time
from muster.testing.simulation.network import Network
from muster.testing.simulation.shared import Central, View

from .markdown import code, head, table

INTRODUCTION = """\
`GET /metrics`, in Prometheus' text format. Counters begin at zero when the registry starts. Label sets are bounded: services
beyond [`METRIC_SERVICES`](limits.md#metrics-history-logs) are summed under `(other)`.
[Production](../how-to/production.md#alerts) says which of them to be woken by. `muster_replica*` and `muster_store_age_seconds` are
those of one of several registries on one etcd.
"""
ABOUT = re.compile(r"# (HELP|TYPE) (\S+) (.*)")
SAMPLE = re.compile(r"(\w+?)(?:_bucket)?\{(.*?)\} ")
LABEL = re.compile(r'(\w+)="')


def page() -> str:
    return "\n".join(
        (
            head("Metrics", "a scrape"),
            INTRODUCTION,
            table(("metric", "type", "labels", ""), rows(asyncio.run(scrape()) + scrape_of_a_replica())),
        )
    )


def rows(scraped: str) -> Iterator[tuple[str, str, str, str]]:
    about: dict[str, dict[str, str]] = {}
    labels: dict[str, list[str]] = {}
    for line in scraped.splitlines():
        if match := ABOUT.match(line):
            about.setdefault(match[2], {})[match[1]] = match[3]
        elif match := SAMPLE.match(line):
            labels[match[1]] = [name for name in LABEL.findall(match[2]) if name != "le"]
    for name in sorted(about):
        told = ", ".join(map(code, labels.get(name, [])))
        yield code(name), about[name]["TYPE"], told, about[name]["HELP"]


async def scrape() -> str:
    """Of a registry with one instance and a name server, a request and a query that were refused: so that labels show."""
    anywhere = Address("127.0.0.1", 0)
    async with running(Settings(store="memory"), [listening(anywhere)], named(anywhere)) as server:
        assert server.dns is not None
        address = urlsplit(server.url).netloc
        body = b'{"service":"web","host":"127.0.0.1","port":1,"checks":[{"kind":"ttl","ttl":"30s"}]}'
        await asyncio.to_thread(ask, address, "POST", "/v1/register", body)
        await asyncio.to_thread(
            ask, address, "POST", "/v1/instances/web-127.0.0.1-1/check", b'{"result":"pass"}'
        )
        await asyncio.to_thread(ask, address, "GET", "/v1/no-such-path")
        await asyncio.to_thread(ask_name, server.dns)
        return await asyncio.to_thread(ask, address, "GET", "/metrics")


@in_virtual_time
async def scrape_of_a_replica() -> str:
    """Of one that has not begun yet, on a store that is not asked."""
    loop, rng = asyncio.get_running_loop(), Random(1)  # noqa: S311 - nothing is drawn
    assert isinstance(loop, VirtualLoop)
    central = Central(loop, loop.process("store"), MemoryStore(rng=rng), lambda batch: None)
    store = View(central, Network(loop, rng), "a", "store", rng)
    shared = Shared(store, Member("a", "http://a", "a"), HttpPeers())
    registry = Registry(store, ScriptedProber(), rng=rng, shared=shared)
    return Metrics(registry, LagMeter(loop), Histogram(), Histogram()).text().decode()


def ask_name(address: Address) -> None:
    """The root, of whoever does not know it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(bytes([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]), address)
        client.recv(512)


def ask(address: str, method: str, path: str, body: bytes | None = None) -> str:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        return connection.getresponse().read().decode()
    finally:
        connection.close()
