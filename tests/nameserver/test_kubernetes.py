"""Kubernetes' names, for headless services; and our own domain, which has the same grammar."""

import pytest
from tests.nameserver.scene import Scene, texts

from muster.model.instance import Endpoint
from muster.testing.builders import instance

DOMAINS = ("cluster.local", "muster.internal")
PORTS = (
    Endpoint("web", 8080, "http"),
    Endpoint("admin", 9090, "http"),
    Endpoint("metrics", 9100, "udp"),
)


@pytest.fixture(params=DOMAINS)
async def domain(scene: Scene, request: pytest.FixtureRequest) -> str:
    await scene.register(
        instance(
            "web-1",
            host="10.0.0.1",
            zone="Zone.A",
            version="1.4.2",
            deployment_group="canary",
            tags=("eu",),
            metadata={"team": "checkout", "a=b": "c"},
            endpoints=PORTS,
        ),
        instance("web-2", host="2001:db8::2", zone="b", endpoints=PORTS[:2]),
        instance("db/1", service="db", host="db.example.com", port=5432, namespace="prod"),
    )
    return str(request.param)


def addresses(scene: Scene, name: str) -> list[str]:
    return scene.records(name) + scene.records(name, "AAAA")


BOTH = ["10.0.0.1", "2001:db8::2"]
FIRST, SECOND = BOTH[:1], BOTH[1:]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web.default.svc", BOTH),
        ("10-0-0-1.web.default.svc", FIRST),
        ("2001-db8--2.web.default.svc", SECOND),
        ("web-1.web.default.svc", FIRST),
        ("zone-a.pin._zone.web.default.svc", FIRST),
        ("zone-a.prefer._zone.web.default.svc", FIRST),
        ("b.prefer._zone.web.default.svc", SECOND),
        ("c.prefer._zone.web.default.svc", BOTH),
        ("1-4-2._version.web.default.svc", FIRST),
        ("canary._subset.web.default.svc", FIRST),
        ("eu._tag.web.default.svc", FIRST),
        ("_web._tcp.web.default.svc", BOTH),
        ("_metrics._udp.web.default.svc", FIRST),
        ("_admin._tcp.b.pin._zone.web.default.svc", SECOND),
    ],
)
async def test_a_name_has_addresses(scene: Scene, domain: str, name: str, found: list[str]) -> None:
    assert addresses(scene, f"{name}.{domain}") == found


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("web.default.svc", [8080, 8080]),
        ("_web._tcp.web.default.svc", [8080, 8080]),
        ("_admin._tcp.web.default.svc", [9090, 9090]),
        ("_http._tcp.web.default.svc", [8080, 8080, 9090, 9090]),
        ("_metrics._udp.web.default.svc", [9100]),
        ("web-2.web.default.svc", [8080]),
    ],
)
async def test_srv_names_ports(scene: Scene, domain: str, name: str, ports: list[int]) -> None:
    told = [text.split() for text in scene.records(f"{name}.{domain}", "SRV")]
    assert sorted(int(port) for _, _, port, _ in told) == ports


async def test_a_target_is_the_name_of_an_instance(scene: Scene, domain: str) -> None:
    told = scene.ask(f"_web._tcp.web.default.svc.{domain}", "SRV")
    targets = [text.split()[3] for text in texts(told.answer)]
    assert sorted(targets) == [f"{label}.web.default.svc.{domain}." for label in ("web-1", "web-2")]
    assert [addresses(scene, target) for target in sorted(targets)] == [FIRST, SECOND]
    assert sorted(texts(told.additional)) == BOTH


async def test_instances_on_one_host_have_targets_of_their_own(scene: Scene) -> None:
    await scene.register(*(instance(f"web-{port}", host="10.0.0.1", port=port) for port in (1, 2)))
    told = scene.ask("web.default.svc.muster.internal", "SRV")
    assert len({text.split()[3] for text in texts(told.answer)}) == 2
    assert texts(told.additional) == ["10.0.0.1"] * 2


async def test_ids_that_make_one_label_are_told_apart_by_address(scene: Scene) -> None:
    await scene.register(instance("web.1", host="10.0.0.1"), instance("web/1", host="10.0.0.2"))
    told = scene.records("web.default.svc.muster.internal", "SRV")
    assert [text.split()[3] for text in told] == [
        f"10-0-0-{n}.web.default.svc.muster.internal." for n in (1, 2)
    ]


async def test_an_instance_by_host_name_is_an_alias(scene: Scene, domain: str) -> None:
    assert scene.records(f"db.prod.svc.{domain}") == ["db.example.com."]
    assert scene.records(f"db-1.db.prod.svc.{domain}") == ["db.example.com."]
    assert scene.records(f"db.prod.svc.{domain}", "SRV") == ["1 100 5432 db.example.com."]


async def test_an_instance_shows_its_metadata(scene: Scene, domain: str) -> None:
    """RFC 1464: a `=` in a key is quoted."""
    assert scene.records(f"web-1.web.default.svc.{domain}", "TXT") == ['"a`=b=c"', '"team=checkout"']
    assert scene.code(f"web.default.svc.{domain}", "TXT") == "NODATA"


async def test_the_version_of_the_specification(scene: Scene, domain: str) -> None:
    assert scene.records(f"dns-version.{domain}", "TXT") == ['"1.1.0"']
    assert scene.code(f"dns-version.{domain}", "A") == "NODATA"


async def test_the_apex(scene: Scene, domain: str) -> None:
    assert scene.records(domain, "NS") == [f"ns.dns.{domain}."]
    assert texts(scene.ask(domain, "NS").additional) == ["127.0.0.1"]
    assert scene.records(f"ns.dns.{domain}") == ["127.0.0.1"]
    assert scene.records(domain, "SOA")[0].startswith(f"ns.dns.{domain}. hostmaster.{domain}. ")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("svc", "NODATA"),
        ("dns", "NODATA"),
        ("default.svc", "NODATA"),
        ("prod.svc", "NODATA"),
        ("_tcp.web.default.svc", "NODATA"),
        ("_zone.web.default.svc", "NODATA"),
        ("pin._zone.web.default.svc", "NODATA"),
        ("_version.web.default.svc", "NODATA"),
        ("empty.svc", "NXDOMAIN"),
        ("nope.default.svc", "NXDOMAIN"),
        ("web.prod.svc", "NXDOMAIN"),
        ("web-3.web.default.svc", "NXDOMAIN"),
        ("10-0-0-9.web.default.svc", "NXDOMAIN"),
        ("_none._tcp.web.default.svc", "NXDOMAIN"),
        ("_web._udp.web.default.svc", "NXDOMAIN"),
        ("c.pin._zone.web.default.svc", "NXDOMAIN"),
        ("2._version.web.default.svc", "NXDOMAIN"),
        ("a.b.web.default.svc", "NXDOMAIN"),
        ("1-2-3-4.default.pod", "NXDOMAIN"),
        ("web", "NXDOMAIN"),
        ("example.com.default.svc", "NXDOMAIN"),
    ],
)
async def test_a_name_has_no_records(scene: Scene, domain: str, name: str, code: str) -> None:
    assert scene.code(f"{name}.{domain}") == code


async def test_nobody_left_is_no_such_name_to_kubernetes_and_an_empty_one_to_us(scene: Scene) -> None:
    await scene.web("10.0.0.1")
    await scene.drain("web-1")
    assert scene.code("web.default.svc.cluster.local") == "NXDOMAIN"
    assert scene.code("web.default.svc.muster.internal") == "NODATA"
    await scene.deregister("web-1")
    assert scene.code("web.default.svc.muster.internal") == "NXDOMAIN"
