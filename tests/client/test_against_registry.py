"""The library against the real registry, in a process of its own that can be killed."""

import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.cli.serving import Serving, serving
from tests.client.conftest import QUICK, Follow, ports, until

from muster.client import Absent, Bound, Discovery, Refused, RegisterBody, Registrar
from muster.client.http import Request, Requests, access, part
from muster.testing import FakeRegistry


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as real:
        yield real


@pytest.fixture(params=["fake", "real"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a registry: what holds at the real one holds at the fake we ship."""
    if request.param == "fake":
        with FakeRegistry() as fake:
            yield fake.url
    else:
        yield request.getfixturevalue("real").url


def port_of(real: Serving) -> int:
    return int(real.url.rpartition(":")[2])


def static(url: str, *numbers: int) -> None:
    requests = Requests(access(url))
    for port in numbers:
        body = {
            "service": "web",
            "instance_id": f"web-{port}",
            "host": "10.0.0.1",
            "port": port,
            "static": True,
        }
        requests.send(Request("POST", "/register", body=body))
    requests.close()


def send(url: str, method: str, path: str, **body: object) -> None:
    requests = Requests(access(url))
    requests.send(Request(method, path, body=body or None))
    requests.close()


def registrar(url: str, **fields: object) -> Registrar:
    body = RegisterBody(**{"service": "web", "instance_id": "web-1", "port": 1} | fields)  # type: ignore[arg-type]
    return Registrar(url, body, timing=QUICK)


def vouched_again(discovery: Discovery) -> None:
    """Nothing changes any more, and one more `alive` came: its digest was compared with what is held here."""
    before = discovery._board.vouched["web"]
    until(discovery, lambda: discovery._board.vouched["web"] > before)


def test_registered_found_drained_gone(anywhere: str, follow: Follow) -> None:
    discovery = follow("web", urls=anywhere)
    discovery.wait_ready()
    assert isinstance(discovery.mirror("web"), Absent)
    with registrar(anywhere, zone="a") as mine:
        mine.wait_registered()
        until(discovery, lambda: ports(discovery) == {1})
        assert discovery.pick("web").instance.zone == "a"
        drained = mine.drain()
        assert (drained.safe, drained.error) == (True, "")
        assert discovery.instances("web") == ()
        until(discovery, lambda: discovery.status().counts.acknowledged >= 1)
    until(discovery, lambda: isinstance(discovery.mirror("web"), Absent))


def test_a_policy_reaches_its_callers_at_once(anywhere: str, follow: Follow) -> None:
    static(anywhere, 1)
    discovery = follow("web", urls=anywhere)
    discovery.wait_ready()
    send(anywhere, "PUT", "/policies/web", panic_threshold=10)
    until(discovery, lambda: panic(discovery) == 10)
    send(anywhere, "DELETE", "/policies/web")
    until(discovery, lambda: panic(discovery) == 50)


def panic(discovery: Discovery) -> int:
    traffic = discovery.pick("web").ledger
    assert traffic is not None
    return traffic.policy.panic_threshold


def test_policies_survive_the_registry(tmp_path: Path, follow: Follow) -> None:
    with serving(tmp_path / "data") as first:
        static(first.url, 1)
        send(first.url, "PUT", "/policies/web", panic_threshold=10)
        discovery = follow("web", urls=first.url)
        discovery.wait_ready()
        until(discovery, lambda: panic(discovery) == 10)
        first.stop()
    with serving(tmp_path / "data") as second:
        later = follow("web", urls=second.url)
        later.wait_ready()
        until(later, lambda: panic(later) == 10)


def test_both_ends_agree_whatever_changes(real: Serving, follow: Follow) -> None:
    static(real.url, *range(1, 9))
    discovery = follow("web", "db", urls=real.url)
    discovery.wait_ready()
    send(real.url, "DELETE", "/instances/web-1")
    send(real.url, "PATCH", "/instances/web-2", override="out_of_service")
    send(real.url, "PATCH", "/instances/web-3", weight=7, metadata={"a": "b"})
    send(real.url, "PATCH", "/instances/web-2", override="")
    static(real.url, 1, 20)
    until(discovery, lambda: ports(discovery) == {*range(1, 9), 20})
    vouched_again(discovery)
    assert discovery.status().counts.diverged == 0
    assert {i.weight for i in discovery.instances("web") if i.port == 3} == {7}


def test_a_service_of_several_pages(real: Serving, follow: Follow) -> None:
    static(real.url, *range(1, 511))
    discovery = follow("web", urls=real.url)
    discovery.wait_ready(30.0)
    assert len(discovery.instances("web")) == 510
    vouched_again(discovery)
    assert discovery.status().counts.diverged == 0


LISTENING = """
import socket, sys, time
from muster.client import RegisterBody, Registrar
from muster.wire.checks import CheckBody
with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    body = RegisterBody(service="web", host="127.0.0.1", port=port, ttl=60, checks=[CheckBody(kind="tcp")])
    registrar = Registrar(sys.argv[1], body)
    registrar.wait_registered()
    while not registrar.status().session:
        time.sleep(0.01)
    print(port, flush=True)
    sys.stdin.read()
"""


def test_a_crash_is_seen_long_before_the_lease_ends(real: Serving, follow: Follow) -> None:
    command = [sys.executable, "-c", LISTENING, real.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as instance:
        assert instance.stdout is not None
        port = int(instance.stdout.readline())
        discovery = follow("web", urls=real.url)
        until(discovery, lambda: isinstance(discovery.mirror("web"), Bound) and ports(discovery) == {port})
        instance.kill()
        until(discovery, lambda: ports(discovery) == set())


def test_a_registry_that_stops_sends_its_readers_away(real: Serving, follow: Follow) -> None:
    static(real.url, 1)
    discovery = follow("web", urls=real.url)
    discovery.wait_ready()
    assert real.stop() == 0
    until(discovery, lambda: discovery.status().counts.told_to_leave == 1)
    assert discovery.pick("web").port == 1


def test_killed_and_started_again_nobody_notices(real: Serving, follow: Follow, tmp_path: Path) -> None:
    static(real.url, 2)
    discovery = follow("web", urls=real.url)
    with registrar(real.url) as mine:
        mine.wait_registered()
        until(discovery, lambda: isinstance(discovery.mirror("web"), Bound) and ports(discovery) == {1, 2})
        seen = set[int]()
        discovery.on_change(lambda mirror: seen.add(len(discovery.instances("web"))))
        real.process.send_signal(signal.SIGKILL)
        real.process.wait()
        with serving(tmp_path / "data", port=port_of(real)) as again:
            until(discovery, lambda: discovery.status().connection is not None)
            vouched_again(discovery)
            static(again.url, 3)
            until(discovery, lambda: ports(discovery) == {1, 2, 3})
            assert seen <= {2, 3}
            assert (mine.status().registrations, mine.status().state) == (1, "registered")
            assert discovery.status().counts.diverged == 0


def test_started_again_with_nothing_nobody_is_emptied(real: Serving, follow: Follow, tmp_path: Path) -> None:
    static(real.url, 2)
    discovery = follow("web", urls=real.url)
    with registrar(real.url, ttl=3) as mine:
        mine.wait_registered()
        until(discovery, lambda: isinstance(discovery.mirror("web"), Bound) and ports(discovery) == {1, 2})
        real.process.send_signal(signal.SIGKILL)
        real.process.wait()
        with serving(tmp_path / "other", port=port_of(real)):
            until(discovery, lambda: unconfirmed(discovery) == {"web-2"})
            assert ports(discovery) == {1, 2}
            until(discovery, lambda: mine.status().registrations == 2)


def unconfirmed(discovery: Discovery) -> frozenset[str]:
    mirror = discovery.mirror("web")
    return mirror.unconfirmed if isinstance(mirror, Bound) else frozenset()


def test_started_while_it_is_away(real: Serving, follow: Follow, tmp_path: Path) -> None:
    static(real.url, 1)
    first = follow("web", urls=real.url, cache_dir=tmp_path / "cache")
    first.wait_ready()
    first.close()
    real.stop()
    second = follow("web", urls=real.url, cache_dir=tmp_path / "cache")
    assert second.pick("web").port == 1


def test_the_newer_incarnation_wins(anywhere: str) -> None:
    superseded = threading.Event()
    body = RegisterBody(service="web", instance_id="web-1", port=1, ttl=2, heartbeat_interval=0.2)
    with Registrar(anywhere, body, on_superseded=superseded.set, timing=QUICK) as older:
        older.wait_registered()
        with registrar(anywhere) as newer:
            newer.wait_registered()
            assert superseded.wait(20)
            older.deregister()
            assert newer.status().state == "registered"
            send(anywhere, "GET", f"/instances/{part('web-1')}")


REFUSED = [
    (Request("PUT", "/heartbeat/nobody"), (404, "unknown_instance", None)),
    (Request("DELETE", "/instances/nobody"), (404, "unknown_instance", None)),
    (Request("POST", "/instances/nobody/drain"), (404, "unknown_instance", None)),
    (Request("GET", "/services/nothing/instances"), (404, "unknown_service", None)),
    (Request("GET", "/nothing"), (404, "unknown_path", None)),
    (
        Request("POST", "/register", body={"service": "web", "host": "a", "port": 0}),
        (400, "invalid_request", "port"),
    ),
]


def test_a_refusal_is_the_same_everywhere(anywhere: str) -> None:
    requests = Requests(access(anywhere))
    assert [(request, refusal(requests, request)) for request, _ in REFUSED] == REFUSED
    requests.close()


def refusal(requests: Requests, request: Request) -> tuple[int, str, str | None]:
    with pytest.raises(Refused) as caught:
        requests.send(request)
    return caught.value.status, caught.value.code, caught.value.field


def test_registering_twice_is_registering_once(anywhere: str) -> None:
    body = {"service": "web", "instance_id": "web-1", "host": "10.0.0.1", "port": 1, "incarnation": "a"}
    requests = Requests(access(anywhere))
    first, again = (requests.send(Request("POST", "/register", body=body)) for _ in range(2))
    assert (first.status, again.status) == (201, 200)
    requests.close()


def test_over_tls_with_a_certificate_that_is_verified(tmp_path: Path, follow: Follow) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(str(key))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(tmp_path / "data", "--tls-cert", str(chain), "--tls-key", str(key)) as real:
        assert real.url.startswith("https://")
        body = RegisterBody(service="web", instance_id="web-1", port=1)
        with Registrar(real.url, body, tls=trusting, timing=QUICK) as mine:
            mine.wait_registered()
            discovery = follow("web", urls=real.url, tls=trusting)
            until(discovery, lambda: isinstance(discovery.mirror("web"), Bound) and ports(discovery) == {1})
            assert mine.drain().safe
            wary = follow("web", urls=real.url)
            until(wary, lambda: "certificate" in wary.status().failure.lower())


def test_an_owner_secret_of_the_registrys_making(real: Serving, follow: Follow) -> None:
    discovery = follow("web", urls=real.url)
    with registrar(real.url, owner_secret=True) as mine:
        mine.wait_registered()
        until(discovery, lambda: ports(discovery) == {1})
        assert mine.drain().error == ""
