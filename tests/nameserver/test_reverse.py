"""Addresses back to names; and whose the rest of the reverse tree is."""

import pytest
from tests.nameserver.scene import Scene

from muster.testing.builders import instance


@pytest.fixture
async def reverse(scene: Scene) -> Scene:
    await scene.register(
        instance("web-1", host="10.0.0.1"),
        instance("api-1", service="api", host="10.0.0.1", port=81, namespace="prod"),
        instance("web-2", host="203.0.113.7"),
        instance("web-3", host="fd00::1"),
        instance("long-1", service="l" * 64, host="10.0.0.2"),
    )
    return scene


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("1.0.0.10.in-addr.arpa", ["10-0-0-1.api.prod", "10-0-0-1.web.default"]),
        ("7.113.0.203.in-addr.arpa", ["203-0-113-7.web.default"]),
        ("1" + ".0" * 29 + ".d.f.ip6.arpa", ["fd00--1.web.default"]),
    ],
)
async def test_an_address_has_names(reverse: Scene, address: str, names: list[str]) -> None:
    assert reverse.records(address, "PTR") == [f"{name}.svc.muster.internal." for name in names]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("9.0.0.10.in-addr.arpa", "NXDOMAIN"),
        ("2.0.0.10.in-addr.arpa", "NXDOMAIN"),  # its service's name is no label
        ("0.0.10.in-addr.arpa", "NODATA"),
        ("10.in-addr.arpa", "NODATA"),
        ("01.0.0.10.in-addr.arpa", "NXDOMAIN"),
        ("1.1.0.0.10.in-addr.arpa", "NXDOMAIN"),
        ("300.0.0.10.in-addr.arpa", "NXDOMAIN"),
        ("1.16.172.in-addr.arpa", "NODATA"),
        ("0.d.f.ip6.arpa", "NODATA"),
        ("8.8.8.8.in-addr.arpa", "REFUSED"),
        ("in-addr.arpa", "REFUSED"),
        ("ip6.arpa", "REFUSED"),
        ("1.32.172.in-addr.arpa", "REFUSED"),
    ],
)
async def test_what_nobody_has_is_said_where_it_is_ours_to_say(reverse: Scene, name: str, code: str) -> None:
    assert reverse.code(name, "PTR") == code


async def test_a_known_address_has_no_other_records(reverse: Scene) -> None:
    assert reverse.code("1.0.0.10.in-addr.arpa", "A") == "NODATA"
    assert reverse.code("7.113.0.203.in-addr.arpa", "A") == "NODATA"


async def test_who_drains_has_no_reverse_name(reverse: Scene) -> None:
    await reverse.drain("web-1")
    assert reverse.records("1.0.0.10.in-addr.arpa", "PTR") == ["10-0-0-1.api.prod.svc.muster.internal."]
