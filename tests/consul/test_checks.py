"""Consul's checks as the registry's and back."""

import pytest

from muster.consul.checks import Site, definition, parse, worst
from muster.consul.failures import Refused
from muster.consul.requests import CheckBody
from muster.model.check import Check

SITE = Site(node_address="10.0.0.1", host="10.0.0.9")


def made(**fields: object) -> Check:
    return parse(CheckBody(**fields), "c", "title", SITE).check  # type: ignore[arg-type]


def test_an_http_check_is_asked_for_where_it_says() -> None:
    check = made(
        http="https://10.0.0.9:8443/health?full=1",
        interval="10s",
        tls_skip_verify=True,
        header={"X-Check-A": ["1"]},
    )
    assert (check.kind, check.host, check.port, check.path) == ("http", "", 8443, "/health?full=1")
    assert (check.tls, check.tls_verify, check.headers) == (True, False, (("X-Check-A", "1"),))
    assert (check.interval, check.timeout, check.initial, check.title) == (10, 10, "unknown", "title")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"])
def test_localhost_is_the_machine_that_registered(host: str) -> None:
    assert made(http=f"http://{host}/", interval="10s").host == "10.0.0.1"


def test_another_host_is_kept() -> None:
    assert made(tcp="db.example:5432", interval="1s").host == "db.example"


def test_a_grpc_check_names_a_service() -> None:
    check = made(grpc="10.0.0.9:50051/billing", grpc_use_tls=True, interval="5s")
    assert (check.kind, check.port, check.grpc_service, check.tls) == ("grpc", 50051, "billing", True)


def test_thresholds_and_short_intervals() -> None:
    check = made(tcp="10.0.0.9:1", interval="100ms", success_before_passing=3, failures_before_critical=2)
    assert (check.interval, check.rise, check.fall) == (1, 3, 2)
    early = made(tcp="10.0.0.9:1", interval="1s", failures_before_warning=1, failures_before_critical=3)
    assert (early.warn, early.fall) == (1, 3)
    plain = made(tcp="10.0.0.9:1", interval=10)
    assert (plain.interval, plain.rise, plain.fall, plain.warn) == (1, 1, 1, 0)


def test_the_first_status_is_the_one_it_was_registered_with() -> None:
    assert [made(ttl="1s", status=status).initial for status in ("", "passing", "warning", "critical")] == [
        *("unknown", "passing", "warning", "unknown")
    ]


def test_a_critical_service_is_deregistered_after_a_minute_at_least() -> None:
    after = [
        parse(CheckBody(ttl="1s", deregister_critical_service_after=text), "c", "", SITE).critical_after
        for text in ("", "10s", "90m")
    ]
    assert after == [0, 60, 5400]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "TTL must be > 0 for TTL checks"),
        ({"ttl": "1s", "interval": "1s"}, "Interval and TTL cannot both be specified"),
        ({"http": "http://a/"}, "Interval must be > 0 for Script, HTTP"),
        ({"ttl": "nonsense"}, "time: invalid duration"),
        ({"http": "ftp://a/", "interval": "1s"}, "no URL of HTTP"),
        ({"http": "http://u:p@a/", "interval": "1s"}, "no URL of HTTP"),
        ({"http": "http://a/", "interval": "1s", "method": "POST"}, "Method must be GET or HEAD"),
        (
            {"http": "http://a/", "interval": "1s", "header": {"Authorization": ["x"]}},
            "could carry a credential",
        ),
        ({"tcp": "a", "interval": "1s"}, "not host:port"),
        ({"grpc": "a:1/bill\ning", "interval": "1s"}, "GRPC: the service's name must not contain control"),
        ({"grpc": "a:1/" + "b" * 300, "interval": "1s"}, "GRPC has at most"),
        ({"udp": "a:1", "interval": "1s"}, "not run here"),
        ({"args": ["true"], "interval": "1s"}, "Scripts are disabled on this agent"),
        ({"alias_service": "web"}, "alias checks are not run here"),
        ({"ttl": "1s", "status": "fine"}, "Status for checks must"),
        ({"tcp": "a:1", "interval": "1s", "failures_before_warning": 2}, "can't be higher"),
    ],
)
def test_what_cannot_be_run_is_refused_in_consuls_words(fields: dict[str, object], told: str) -> None:
    with pytest.raises(Refused) as refused:
        made(**fields)
    assert told in refused.value.detail


def test_the_way_back_says_what_was_said() -> None:
    check = made(
        http="http://10.0.0.9:8080/health", interval="10s", timeout="1s", header={"X-Check-A": ["1", "2"]}
    )
    told = definition(check, "10.0.0.9", 8080, 90)
    assert (told.http, told.header, told.method) == (
        "http://10.0.0.9:8080/health",
        {"X-Check-A": ["1", "2"]},
        "GET",
    )
    assert (told.interval, told.timeout, told.deregister_critical_service_after) == ("10s", "1s", "1m30s")
    assert definition(made(ttl="1s"), "10.0.0.9", 8080, 0).interval == ""


def test_the_worst_status_wins() -> None:
    assert [worst(list(each)) for each in ((), ("passing", "critical", "warning"))] == ["passing", "critical"]
