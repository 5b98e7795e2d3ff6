"""Consul's names, each with the answer Consul gives."""

import pytest
from tests.nameserver.scene import Scene, texts

from muster.testing.builders import instance

ADDRESS = "10.0.0.1"
SRV = "1 100 8080 0a000001.addr.dc1.consul."


@pytest.fixture
async def consul(scene: Scene) -> Scene:
    """One instance of `web` with a tag, one host with two services, one service by host name."""
    await scene.register(
        instance("web-1", host=ADDRESS, port=8080, tags=("Blue", "v1.2"), metadata={"team": "checkout"}),
        instance("host-1/api", service="api", host="10.0.0.2"),
        instance("host-1/admin", service="admin", host="10.0.0.2"),
        instance("db-1", service="db", host="db.example.com", port=5432),
        instance("web-9", host="10.9.0.1", namespace="prod"),
    )
    return scene


@pytest.mark.parametrize(
    "name",
    [
        "web.service.consul",
        "web.service.dc1.consul",
        "WEB.Service.Consul",
        "blue.web.service.consul",
        "v1.2.web.service.consul",
        "_web._tcp.service.consul",
        "_web._blue.service.consul",
        "_web._tcp.consul",
        "_web._tcp.dc1.consul",
        "web.service.default.ns.consul",
        "web.service.default.ns.default.ap.dc1.dc.consul",
        "web.service.dc1.dc.consul",
        "a.prefer._zone.web.service.consul",
        "a.pin._zone.web.service.consul",
        "nowhere.prefer._zone.web.service.consul",
    ],
)
async def test_a_service_has_addresses_and_srv(consul: Scene, name: str) -> None:
    assert consul.records(name) == [ADDRESS]
    assert consul.records(name, "SRV") == [SRV]
    assert texts(consul.ask(name, "SRV").additional) == [ADDRESS]


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("web.service.prod.ns.consul", "A", ["10.9.0.1"]),
        ("host-1.node.consul", "A", ["10.0.0.2"]),
        ("host-1.node.dc1.consul", "A", ["10.0.0.2"]),
        ("0a000001.addr.consul", "A", [ADDRESS]),
        ("0a000001.addr.dc1.consul", "A", [ADDRESS]),
        ("20010db8000000000000000000000001.addr.consul", "AAAA", ["2001:db8::1"]),
        ("web-1.node.consul", "TXT", ['"team=checkout"']),
        ("db.service.consul", "A", ["db.example.com."]),
        ("db.service.consul", "AAAA", ["db.example.com."]),
        ("db.service.consul", "CNAME", ["db.example.com."]),
        ("db.service.consul", "SRV", ["1 100 5432 db.example.com."]),
        ("consul", "NS", ["ns.consul."]),
        ("ns.consul", "A", ["127.0.0.1"]),
        ("web.service.consul", "ANY", ['"RFC8482" ""']),
    ],
)
async def test_a_name_has_records(consul: Scene, name: str, kind: str, found: list[str]) -> None:
    assert consul.records(name, kind) == found


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("nope.service.consul", "A", "NXDOMAIN"),
        ("green.web.service.consul", "A", "NXDOMAIN"),
        ("b.pin._zone.web.service.consul", "A", "NXDOMAIN"),
        ("web.service.dc2.consul", "A", "NXDOMAIN"),
        ("web.service.other.ap.consul", "A", "NXDOMAIN"),
        ("web.service.a.b.c.consul", "A", "NXDOMAIN"),
        ("web.query.consul", "A", "NXDOMAIN"),
        ("web.connect.consul", "A", "NXDOMAIN"),
        ("web.virtual.consul", "A", "NXDOMAIN"),
        ("host-2.node.consul", "A", "NXDOMAIN"),
        ("xyz.addr.consul", "A", "NXDOMAIN"),
        ("0a0000zz.addr.consul", "A", "NXDOMAIN"),
        ("a.0a000001.addr.consul", "A", "NXDOMAIN"),
        ("web.service.consul", "AAAA", "NODATA"),
        ("web.service.consul", "TXT", "NODATA"),
        ("web.service.consul", "MX", "NODATA"),
        ("0a000001.addr.consul", "AAAA", "NODATA"),
        ("consul", "A", "NODATA"),
        ("consul", "SRV", "NODATA"),
    ],
)
async def test_a_name_has_no_records(consul: Scene, name: str, kind: str, code: str) -> None:
    assert consul.code(name, kind) == code


@pytest.mark.parametrize(
    "name",
    [
        "service.consul",
        "service.dc1.consul",
        "node.consul",
        "addr.dc1.consul",
        "dc1.consul",
        "_tcp.service.consul",
        "_zone.web.service.consul",
        "prefer._zone.web.service.consul",
        "dc.consul",
        "dc1.dc.consul",
        "prod.ns.consul",
        "service.prod.ns.consul",
    ],
)
async def test_a_name_between_exists(consul: Scene, name: str) -> None:
    """RFC 8020: NXDOMAIN would say that nothing below it exists either."""
    assert consul.code(name) == "NODATA"


async def test_nobody_left_is_no_such_name(consul: Scene) -> None:
    await consul.drain("web-1")
    assert consul.code("web.service.consul") == "NXDOMAIN"
    assert consul.code("web-1.node.consul") == "NXDOMAIN"


async def test_instances_by_host_name_take_turns(scene: Scene) -> None:
    """A name has one CNAME at most."""
    await scene.web("a.example.com", "b.example.com")
    told = [texts(scene.ask("web.service.consul").answer) for _ in range(4)]
    assert all(len(each) == 1 for each in told)
    assert {each[0] for each in told} == {"a.example.com.", "b.example.com."}


async def test_addresses_come_before_host_names(scene: Scene) -> None:
    await scene.web("a.example.com", "10.0.0.2", "2001:db8::3")
    assert scene.records("web.service.consul") == ["10.0.0.2"]
    assert scene.records("web.service.consul", "AAAA") == ["2001:db8::3"]
    assert scene.code("web.service.consul", "CNAME") == "NODATA"
    assert scene.records("web.service.consul", "SRV") == [
        "1 100 8080 0a000002.addr.dc1.consul.",
        "1 100 8080 20010db8000000000000000000000003.addr.dc1.consul.",
        "1 100 8080 a.example.com.",
    ]
