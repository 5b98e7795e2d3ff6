"""Eureka's instances as the registry's, and back."""

from __future__ import annotations

import msgspec
import pytest
from tests.eureka.conftest import body
from tests.eureka.test_shape import WHOLE

from muster.core.state import entry_of
from muster.eureka.forms import JSON
from muster.eureka.info import InstanceInfo, Lease, Port
from muster.eureka.translation import STATUS, info_of, instance_of, listed
from muster.model.errors import Rejected
from muster.model.instance import Endpoint, Instance, LeaseTerms
from muster.testing.builders import NOON, instance, record


def read(**fields: object) -> Instance:
    return instance_of(JSON.read(msgspec.json.encode(body("web", **fields))), dots=False)


def shown(of: Instance, **facts: object) -> InstanceInfo:
    return info_of(entry_of(record(of, **facts), 7))


def test_an_instance_comes_back_as_it_was_told() -> None:
    native = instance_of(WHOLE, dots=False)
    assert (native.service, native.id, native.host) == ("shop", "shop/host-1:shop:8080", "10.0.3.7")
    assert native.endpoints == (Endpoint("http", 8080, "http"), Endpoint("https", 8443, "https"))
    assert (native.zone, native.version, native.lease) == ("eu-1a", "1.2", LeaseTerms(40, 10))
    stamps = {"registered": NOON, "renewed": NOON, "up": NOON}
    expected = msgspec.structs.replace(
        WHOLE, lease=msgspec.structs.replace(WHOLE.lease, **stamps), last_updated=NOON
    )
    assert shown(native) == expected


def test_a_native_instance_is_shown_with_what_it_has() -> None:
    native = instance(
        "web-1",
        zone="a",
        version="2",
        metadata={"k": "v"},
        endpoints=(Endpoint("default", 80, "http"), Endpoint("s", 8443, "https")),
    )
    info = shown(native)
    assert (info.app, info.instance_id, info.host_name, info.ip_addr) == (
        "WEB",
        "web-1",
        "10.0.0.1",
        "10.0.0.1",
    )
    assert (info.port, info.secure_port, info.vip) == (Port(80, True), Port(8443, True), "web")
    assert info.metadata == {"zone": "a", "version": "2", "k": "v"}
    assert info.lease == Lease(10, 30, NOON, NOON, 0, NOON)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "UP"),
        ({"checks": {"c": "warning"}}, "UP"),
        ({"checks": {"c": "failing"}}, "DOWN"),
        ({"unreachable": True}, "DOWN"),
        ({"ready": False}, "STARTING"),
        ({"draining": True}, "OUT_OF_SERVICE"),
        ({"override": "out_of_service"}, "OUT_OF_SERVICE"),
    ],
)
def test_statuses(facts: dict[str, object], status: str) -> None:
    assert shown(instance(), **facts).status == status
    assert shown(instance(), **facts).overridden_status == (
        "OUT_OF_SERVICE" if "override" in facts else "UNKNOWN"
    )


def test_whoever_expired_is_not_listed() -> None:
    assert not listed(entry_of(record(expired_at=1), 1))
    assert "expired" not in STATUS


@pytest.mark.parametrize("word", ["DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"])
def test_an_instance_that_is_not_ready_is_shown_with_its_own_word(word: str) -> None:
    assert shown(read(status=word), ready=False).status == word
    assert shown(read(status=word), ready=True).status == "UP"


@pytest.mark.parametrize(
    ("lease", "terms"),
    [
        ({}, LeaseTerms(90, 30)),
        ({"renewalIntervalInSecs": 5, "durationInSecs": 15}, LeaseTerms(15, 5)),
        ({"renewalIntervalInSecs": 1, "durationInSecs": 2}, LeaseTerms(2, 1)),
        ({"renewalIntervalInSecs": 0, "durationInSecs": 0}, LeaseTerms(2, 1)),
        ({"renewalIntervalInSecs": 60, "durationInSecs": 90}, LeaseTerms(90, 45)),
        ({"renewalIntervalInSecs": 30, "durationInSecs": 10**9}, LeaseTerms(3600, 30)),
    ],
)
def test_leases_are_what_was_asked_for_within_bounds(lease: dict[str, int], terms: LeaseTerms) -> None:
    assert read(leaseInfo=lease).lease == terms


def test_ports() -> None:
    off = {"$": 443, "@enabled": "false"}
    secure = {"$": 8443, "@enabled": "true"}
    assert read(port=off, securePort=secure).endpoints == (Endpoint("https", 8443, "https"),)
    assert read(port=off, securePort=off).endpoints == (Endpoint("http", 443, "http"),)


def test_a_host_name_stands_in_for_an_address_that_is_none() -> None:
    assert read(ipAddr="not an address", hostName="web-1.example.com").host == "web-1.example.com"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"app": "a b"}, "app"),
        ({"app": "a.b"}, "app"),
        ({"ipAddr": "x y", "hostName": "x y"}, "hostName"),
        ({"id": "a b"}, "instanceId"),
        ({"port": {"$": 70000, "@enabled": "true"}}, "port"),
        ({"metadata": {"k": "a\nb"}}, "metadata.k"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"homePageUrl": "x" * 2049}, "homePageUrl"),
        ({"homePageUrl": "a\nb"}, "homePageUrl"),
        (
            {"dataCenterInfo": {"name": "Amazon", "metadata": {f"k{n}": "x" * 1000 for n in range(9)}}},
            "instance",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(fields: dict[str, object], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        read(**fields)
    assert caught.value.field == field
