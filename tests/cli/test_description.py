"""An instance on a command line."""

import click
import pytest

from muster.cli.description import body, check, checked, endpoint
from muster.model.check import Check
from muster.wire import checks
from muster.wire.registration import EndpointBody, RegisterBody

NOTHING: dict[str, object] = {
    "service": "web",
    "port": 8080,
    "protocol": "http",
    **dict.fromkeys(("instance_id", "host", "zone", "region", "version", "group", "weight"), None),
    **dict.fromkeys(("ttl", "check_interval"), None),
    **dict.fromkeys(("endpoints", "tags", "metadata", "checks"), ()),
}


def described(**told: object) -> RegisterBody:
    return body("10.0.0.1", **{**NOTHING, **told})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http", Check("http-1", "http")),
        ("http:/health?x=1", Check("http-1", "http", path="/health?x=1")),
        ("https:/health", Check("http-1", "http", path="/health", tls=True)),
        ("tcp", Check("tcp-1", "tcp")),
        ("tls", Check("tcp-1", "tcp", tls=True)),
        ("grpc", Check("grpc-1", "grpc")),
        ("grpc:orders.Orders", Check("grpc-1", "grpc", grpc_service="orders.Orders")),
        ("grpcs", Check("grpc-1", "grpc", tls=True)),
        ("ttl:15s", Check("ttl-1", "ttl", ttl=15.0)),
    ],
)
def test_checks(text: str, meant: Check) -> None:
    assert checks.parse(check(text), "check", 0) == meant


def test_an_interval_is_for_all_that_are_run() -> None:
    assert checks.parse(check("tcp", interval="5s"), "check", 0).interval == 5.0


@pytest.mark.parametrize("text", ["icmp", "tcp:80", "http//x", ""])
def test_what_is_no_check(text: str) -> None:
    with pytest.raises(click.BadParameter):
        check(text)


def test_endpoints() -> None:
    assert endpoint("metrics=9090") == EndpointBody(9090, "metrics", "http")
    assert endpoint("rpc=50051/grpc") == EndpointBody(50051, "rpc", "grpc")


@pytest.mark.parametrize("text", ["9090", "metrics=", "=9090", "m=1/2/3"])
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(click.BadParameter):
        endpoint(text)


def test_host_and_id_have_defaults() -> None:
    made = described()
    assert (made.host, made.instance_id) == ("10.0.0.1", "web-10.0.0.1-8080")


def test_metadata_may_hold_what_looks_like_the_sign() -> None:
    assert described(metadata=("a=b=c", "empty=")).metadata == {"a": "b=c", "empty": ""}


@pytest.mark.parametrize("pair", ["novalue", "=x"])
def test_what_is_no_pair(pair: str) -> None:
    with pytest.raises(click.BadParameter):
        described(metadata=(pair,))


def test_a_mistake_names_the_field() -> None:
    with pytest.raises(click.UsageError, match="service: may hold letters"):
        checked(described(service="a b"), "default")
