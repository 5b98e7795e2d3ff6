"""BIND's `dig`, over both transports."""

import urllib.request
from collections.abc import Iterator

import pytest
from tests.nameserver.interop.running import answers, dig, register, registry

from muster.testing.server import LocalRegistry

HOSTS = [f"10.0.0.{number}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def names() -> Iterator[LocalRegistry]:
    with registry() as running:
        for number, host in enumerate(HOSTS):
            register(running, f"web-{number}", host, zone="ab"[number % 2], protocol="http")
        for number in range(200):
            register(running, f"many-{number}", f"10.1.0.{number + 1}", service="many")
        register(running, "db-1", "db.example.com", 5432, service="db")
        yield running


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_addresses_and_srv(names: LocalRegistry, transport: str) -> None:
    assert answers(names.dns, transport, "web.service.consul") == HOSTS
    assert answers(names.dns, transport, "b.prefer._zone.web.default.svc.cluster.local") == HOSTS[1::2]
    assert len(answers(names.dns, transport, "_http._tcp.web.default.svc.muster.internal", "SRV")) == 8
    assert answers(names.dns, transport, "db.service.consul") == ["db.example.com."]
    assert answers(names.dns, transport, "-x", "10.0.0.3") == ["10-0-0-3.web.default.svc.muster.internal."]


def test_it_comes_again_over_tcp_for_what_was_cut(names: LocalRegistry) -> None:
    assert len(answers(names.dns, "many.service.consul")) == 200
    assert "flags: qr aa tc" in dig(names.dns, "+norec", "+ignore", "many.service.consul")


def test_it_understands_why_nothing_was_said(names: LocalRegistry) -> None:
    told = dig(names.dns, "example.com")
    assert "status: REFUSED" in told
    assert "EDE: 20 (Not Authoritative)" in told


def test_it_finds_nothing_to_complain_about(names: LocalRegistry) -> None:
    for words in (["web.service.consul", "SRV"], ["consul", "SOA"], ["service.consul"], ["consul", "ANY"]):
        told = dig(names.dns, "+norec", *words)
        assert "status: NOERROR" in told
        assert not [line for line in told.splitlines() if "WARNING" in line or "malformed" in line.lower()]


def test_queries_are_metrics(names: LocalRegistry) -> None:
    dig(names.dns, "web.service.consul", "NS")
    with urllib.request.urlopen(names.url + "/metrics") as told:
        assert 'muster_dns_queries_total{rcode="NOERROR",type="NS"} 1.0' in told.read().decode()


def test_a_drain_says_how_long_answers_may_live(names: LocalRegistry) -> None:
    request = urllib.request.Request(
        names.url + "/v1/instances/db-1/drain?wait=0s",
        b"{}",
        {"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request) as told:
        assert b'"dns_ttl_s":1.0' in told.read()


def test_what_consuls_clients_register_has_consuls_names(names: LocalRegistry) -> None:
    body = b'{"ID": "cache-1", "Name": "cache", "Tags": ["primary"], "Address": "10.2.0.1", "Port": 6379}'
    request = urllib.request.Request(
        names.url + "/v1/agent/service/register", body, {"Content-Type": "application/json"}, method="PUT"
    )
    with urllib.request.urlopen(request):
        assert answers(names.dns, "primary.cache.service.consul") == ["10.2.0.1"]
        assert answers(names.dns, "cache.service.consul", "SRV") == ["1 100 6379 0a020001.addr.dc1.consul."]
