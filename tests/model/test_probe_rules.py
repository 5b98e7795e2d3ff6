"""What may be probed, and with what."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model.probe_rules import (
    forbidden_address,
    forbidden_header,
    forbidden_header_value,
    forbidden_path,
)

ALLOWED = [
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "8.8.8.8",
    "100.64.0.1",
    "1.0.0.0",
    "fd00::1",
    "2001:db8::1",
]
FORBIDDEN = {
    "0.0.0.0": "is unspecified",
    "0.1.2.3": "is unspecified",
    "127.0.0.1": "is loopback",
    "127.255.255.254": "is loopback",
    "169.254.0.1": "is link-local",
    "169.254.169.254": "is link-local",
    "224.0.0.1": "is multicast",
    "239.255.255.250": "is multicast",
    "240.0.0.1": "is reserved or broadcast",
    "255.255.255.255": "is reserved or broadcast",
    "100.100.100.200": "is a cloud's metadata service",
    "168.63.129.16": "is a cloud's metadata service",
    "::": "is unspecified",
    "::1": "is loopback",
    "fe80::1": "is link-local",
    "febf:ffff::1": "is link-local",
    "fe80::1%eth0": "is link-local",
    "ff02::1": "is multicast",
    "fd00:ec2::254": "is a cloud's metadata service",
    "::ffff:127.0.0.1": "is loopback",
    "::ffff:169.254.169.254": "is link-local",
    "::169.254.169.254": "is link-local",
    "64:ff9b::a9fe:a9fe": "is link-local",
    "2002:a9fe:a9fe::1": "is link-local",
    "2002:7f00:1::": "is loopback",
}


@pytest.mark.parametrize("ip", ALLOWED)
def test_addresses_an_instance_may_have(ip: str) -> None:
    assert forbidden_address(ip_address(ip), allow_loopback=False) is None


@pytest.mark.parametrize(("ip", "reason"), FORBIDDEN.items())
def test_addresses_no_probe_goes_to(ip: str, reason: str) -> None:
    assert forbidden_address(ip_address(ip), allow_loopback=False) == reason


@pytest.mark.parametrize(("ip", "reason"), FORBIDDEN.items())
def test_a_registry_bound_to_loopback_may_probe_loopback_and_nothing_more(ip: str, reason: str) -> None:
    expected = None if reason == "is loopback" else reason
    assert forbidden_address(ip_address(ip), allow_loopback=True) == expected


@given(st.ip_addresses(v=4), st.booleans())
def test_an_address_wrapped_in_ipv6_is_judged_as_itself(ip: IPv4Address, loopback: bool) -> None:
    plain = forbidden_address(ip, allow_loopback=loopback)
    for wrapped in (f"::ffff:{ip}", f"64:ff9b::{ip}", IPv6Address(0x2002 << 112 | int(ip) << 80 | 1)):
        assert forbidden_address(IPv6Address(wrapped), allow_loopback=loopback) == plain


@given(st.ip_addresses())
def test_what_the_standard_library_holds_for_special_is_forbidden(ip: IPv4Address | IPv6Address) -> None:
    special = ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified
    if special:
        assert forbidden_address(ip, allow_loopback=False) is not None


@given(st.ip_addresses())
def test_leave_for_loopback_only_ever_allows_more(ip: IPv4Address | IPv6Address) -> None:
    if forbidden_address(ip, allow_loopback=False) is None:
        assert forbidden_address(ip, allow_loopback=True) is None


@pytest.mark.parametrize(
    "name", ["Accept", "host", "User-Agent", "X-Forwarded-Proto", "X-Health-Check", "x-probe-by", "X-Check-1"]
)
def test_headers_a_check_may_send(name: str) -> None:
    assert forbidden_header(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Auth-Token", "X-Vault-Token",
        "X-Api-Key", "X-Check-Token", "X-Health-Secret", "x-probe-session", "X-Amz-Signature", "Proxy-Connection",
        "X-Health-Password", "X-Csrf", "Metadata-Flavor", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds",
        "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "TE", "", ":path",
        "X-Check: a\r\nHost", "X-Check Id", "X-Forwarded-For", "X-Check-ü",
    ],
)  # fmt: skip
def test_headers_no_check_sends(name: str) -> None:
    assert forbidden_header(name) is not None


@pytest.mark.parametrize("value", ["", "text/html, */*;q=0.8", "orders.test:80"])
def test_header_values_that_pass(value: str) -> None:
    assert forbidden_header_value(value) is None


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\x00", "tab\t", "ü", "\x7f"])
def test_header_values_that_do_not(value: str) -> None:
    assert forbidden_header_value(value) is not None


@pytest.mark.parametrize("path", ["/", "/health?full=1&x=%20", "//x", "/a;b"])
def test_paths_that_pass(path: str) -> None:
    assert forbidden_path(path) is None


@pytest.mark.parametrize("path", ["", "health", "http://x/", "/a b", "/a\r\nHost: x", "/ü", "/a#b", "*"])
def test_paths_that_do_not(path: str) -> None:
    assert forbidden_path(path) is not None
