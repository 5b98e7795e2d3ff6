"""Registration bodies: both dialects of the seeds, every field, and a refusal that names the field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.model import limits
from muster.model.check import Check
from muster.model.errors import Rejected
from muster.model.instance import Endpoint, Instance, LeaseTerms
from muster.wire.registration import Registration, parse

LEAST = {"service": "web", "host": "10.0.0.1", "port": 80}
ENDPOINT = {"port": 80}
CHECK = {"kind": "http"}


def parsed(**told: Any) -> Registration:
    return parse(msgspec.json.encode(told), "default")


def refusal(body: bytes) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as refused:
        parse(body, "default")
    return refused.value.code, refused.value.field


def test_the_least_that_registers() -> None:
    assert parsed(**LEAST) == Registration(
        Instance("default", "web", "web-10.0.0.1-80", "10.0.0.1", (Endpoint("default", 80, "http"),)),
        "",
        False,
        None,
    )


def test_both_dialects_say_the_same() -> None:
    snake = parsed(**LEAST, instance_id="i1", health_endpoint="/up", deployment_group="blue")
    camel = parsed(
        service_name="web",
        host="10.0.0.1",
        port=80,
        instanceId="i1",
        healthEndpoint="/up",
        deploymentGroup="blue",
    )
    assert snake == camel


def test_everything_that_can_be_said() -> None:
    told = parsed(
        service="Web",
        instance_id="i1",
        host="Host.example",
        endpoints=[{"name": "http", "port": 80}, {"name": "admin", "port": 81, "protocol": "TCP"}],
        zone="a",
        region="eu",
        version="1.2",
        deployment_group="blue",
        weight=7,
        tags=["x", "y"],
        metadata={"a": "b", "n": 1, "t": True, "z": None},
        ttl="1m",
        heartbeat_interval=5,
        incarnation="u",
        owner_secret="s" * 16,
        status="starting",
        deregister_critical_after="1h",
    )
    assert told == Registration(
        Instance(
            "default",
            "web",
            "i1",
            "host.example",
            (Endpoint("http", 80, "http"), Endpoint("admin", 81, "tcp")),
            zone="a",
            region="eu",
            version="1.2",
            deployment_group="blue",
            weight=7,
            tags=("x", "y"),
            metadata={"a": "b", "n": "1", "t": "true", "z": "null"},
            lease=LeaseTerms(60.0, 5.0),
            deregister_critical_after=3600.0,
        ),
        "u",
        True,
        "s" * 16,
    )


def test_static_has_no_lease() -> None:
    assert parsed(**LEAST, static=True).instance.lease is None


def test_a_host_that_is_never_probed_may_push_its_health() -> None:
    told = parsed(**{**LEAST, "host": "169.254.1.1"}, checks=[{"kind": "ttl", "ttl": 20}])
    assert told.instance.host == "169.254.1.1"


def test_a_ttl_is_three_heartbeats() -> None:
    assert parsed(**LEAST, ttl=6).instance.lease == LeaseTerms(6.0, 2.0)


def test_checks_in_full() -> None:
    checks = [
        {
            "kind": "http",
            "name": "deep",
            "port": 81,
            "path": "/health?deep=1",
            "method": "GET",
            "expect_status": [204, "200-202"],
            "expect_body": "ok",
            "headers": {"Accept": "text/plain"},
            "tls": True,
            "tls_verify": False,
            "tls_server_name": "web.example",
            "interval": "5s",
            "timeout": "500ms",
            "fall": 1,
            "rise": 5,
        },
        {"kind": "ttl", "ttl": 20},
        {"kind": "grpc", "grpc_service": "orders"},
    ]
    assert parsed(**LEAST, checks=checks).instance.checks == (
        Check(
            "deep",
            "http",
            port=81,
            path="/health?deep=1",
            statuses=((204, 204), (200, 202)),
            body="ok",
            headers=(("Accept", "text/plain"),),
            tls=True,
            tls_verify=False,
            tls_server_name="web.example",
            interval=5.0,
            timeout=0.5,
            fall=1,
            rise=5,
        ),
        Check("ttl-2", "ttl", ttl=20.0),
        Check("grpc-3", "grpc", grpc_service="orders"),
    )


def test_a_short_interval_shortens_the_timeout() -> None:
    (check,) = parsed(**LEAST, checks=[{"kind": "tcp", "interval": 1}]).instance.checks
    assert (check.interval, check.timeout) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"service": None}, "service"),
        ({"service": ""}, "service"),
        ({"service": "a b"}, "service"),
        ({"service_name": "web"}, "service"),
        ({"instance_id": "a", "instanceId": "a"}, "instance_id"),
        ({"instance_id": ""}, "instance_id"),
        ({"host": ""}, "host"),
        ({"host": "a b"}, "host"),
        ({"port": None}, "port"),
        ({"port": 0}, "port"),
        ({"port": "80"}, "port"),
        ({"port": 80.5}, "port"),
        ({"port": True}, "port"),
        ({"port": 10**30}, "port"),
        ({"endpoints": [ENDPOINT], "port": 81}, "port"),
        ({"endpoints": [{"name": "a"}]}, "endpoints[0].port"),
        ({"endpoints": [ENDPOINT, {"port": 0, "name": "b"}]}, "endpoints[1].port"),
        ({"endpoints": [ENDPOINT, ENDPOINT]}, "endpoints"),
        ({"endpoints": [{"port": 80, "name": str(n)} for n in range(17)]}, "endpoints"),
        ({"endpoints": [{"port": 80, "hots": 1}]}, "endpoints[0].hots"),
        ({"zone": "a\n"}, "zone"),
        ({"zone": "z" * 129}, "zone"),
        ({"region": 5}, "region"),
        ({"version": "\x1b"}, "version"),
        ({"deployment_group": "a", "deploymentGroup": "b"}, "deployment_group"),
        ({"weight": -1}, "weight"),
        ({"weight": 65_536}, "weight"),
        ({"tags": "x"}, "tags"),
        ({"tags": [""]}, "tags[0]"),
        ({"tags": ["x"] * 65}, "tags"),
        ({"tags": ["ok", 1]}, "tags[1]"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": []}}, "metadata[...]"),
        ({"metadata": {str(n): "x" for n in range(65)}}, "metadata"),
        ({"metadata": {str(n): "v" * 512 for n in range(40)}}, "metadata"),
        ({"ttl": 1}, "ttl"),
        ({"ttl": 3601}, "ttl"),
        ({"ttl": "x"}, "ttl"),
        ({"ttl": 30, "heartbeat_interval": 11}, "heartbeat_interval"),
        ({"ttl": 30, "static": True}, "static"),
        ({"static": "yes"}, "static"),
        ({"status": "up"}, "status"),
        ({"incarnation": "x" * 65}, "incarnation"),
        ({"owner_secret": "short"}, "owner_secret"),
        ({"owner_secret": 5}, "owner_secret"),
        ({"deregister_critical_after": "never"}, "deregister_critical_after"),
        ({"hots": "x"}, "hots"),
        ({"health_endpoint": "up"}, "health_endpoint"),
        ({"health_endpoint": "/a b"}, "health_endpoint"),
        ({"health_endpoint": "/a", "healthEndpoint": "/a"}, "health_endpoint"),
        ({"host": "169.254.169.254", "checks": [CHECK]}, "host"),
        ({"host": "224.0.0.1", "checks": [{"kind": "tcp"}]}, "host"),
        ({"host": "fe80::1", "health_endpoint": "/up"}, "host"),
        ({"checks": [CHECK] * 9}, "checks"),
        ({"checks": [CHECK | {"name": "a"}] * 2}, "checks"),
        ({"checks": [{}]}, "checks[0].kind"),
        ({"checks": [{"kind": "ping"}]}, "checks[0].kind"),
        ({"checks": [CHECK, CHECK | {"interval": 0.1}]}, "checks[1].interval"),
        ({"checks": [CHECK | {"timeout": 11}]}, "checks[0].timeout"),
        ({"checks": [CHECK | {"fall": 0}]}, "checks[0].fall"),
        ({"checks": [CHECK | {"rise": 21}]}, "checks[0].rise"),
        ({"checks": [CHECK | {"expect_status": []}]}, "checks[0].expect_status"),
        ({"checks": [CHECK | {"expect_status": ["2xx"]}]}, "checks[0].expect_status[0]"),
        ({"checks": [CHECK | {"expect_status": [200, 99]}]}, "checks[0].expect_status[1]"),
        ({"checks": [CHECK | {"headers": {"Authorization": "x"}}]}, "checks[0].headers.Authorization"),
        ({"checks": [CHECK | {"headers": {"Accept": "a\r\nb"}}]}, "checks[0].headers.Accept"),
        ({"checks": [CHECK | {"method": "POST"}]}, "checks[0].method"),
        ({"checks": [CHECK | {"method": "HEAD", "expect_body": "x"}]}, "checks[0].expect_body"),
        ({"checks": [CHECK | {"ttl": 5}]}, "checks[0].ttl"),
        ({"checks": [{"kind": "ttl"}]}, "checks[0].ttl"),
        ({"checks": [{"kind": "tcp", "path": "/x"}]}, "checks[0]"),
        ({"checks": [{"kind": "tcp", "grpc_service": "x"}]}, "checks[0].grpc_service"),
        ({"checks": [CHECK | {"tls_server_name": "a b"}]}, "checks[0].tls_server_name"),
    ],
)
def test_a_refusal_names_the_field(changed: dict[str, Any], field: str) -> None:
    told = {name: value for name, value in {**LEAST, **changed}.items() if value is not None}
    assert refusal(_encode(told)) == ("invalid_request", field)


def _encode(told: dict[str, Any]) -> bytes:
    """JSON that msgspec would not write: integers of any size."""
    import json

    return json.dumps(told).encode()  # noqa: TID251


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b'{"service": "web"',
        b'{"service": "\xff"}',
        b'{"service": "\\ud800"}',
        b"[" * 100_000,
        b'{"metadata": ' + b"[" * 100_000,
        b'{"metadata": {"a": ' + b'{"a": ' * 100_000,
    ],
)
def test_what_is_not_the_json_expected_is_refused(body: bytes) -> None:
    code, _ = refusal(body)
    assert code in ("invalid_json", "invalid_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"service":"web","host":"h","port":80,"port":81}', "port"),
        (b'{"service":"web","host":"h","port":80,"metadata":{"a":"1","a":"2"}}', "a"),
        (b'{"service":"web","host":"h","endpoints":[{"port":80,"port":80}]}', "port"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(body: bytes, field: str) -> None:
    assert refusal(body) == ("invalid_request", field)


@pytest.mark.parametrize("number", ["1" * 5_000, "1" * 5_000 + ".5", "1e999", "-1e999"])
@pytest.mark.parametrize("field", ["ttl", "port", "weight", "metadata"])
def test_a_monstrous_number_is_refused(field: str, number: str) -> None:
    told = {
        "service": '"web"',
        "host": '"h"',
        "port": "80",
        field: f'{{"n":{number}}}' if field == "metadata" else number,
    }
    body = ",".join(f'"{name}":{value}' for name, value in told.items())
    code, _ = refusal(b"{" + body.encode() + b"}")
    assert code in ("invalid_json", "invalid_request")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_taken(body: bytes) -> None:
    try:
        parse(body, "default")
    except Rejected:
        pass


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    [*Instance.__struct_fields__, "port", "ttl", "static", "status", "endpoints", "owner_secret"]
)


@given(st.dictionaries(_FIELDS, _JSON, max_size=4))
def test_any_json_is_refused_with_its_field_or_taken(changed: dict[str, Any]) -> None:
    try:
        parse(_encode({**LEAST, **changed}), "default")
    except Rejected:
        pass


def test_bounds_are_reached() -> None:
    told = parsed(
        **LEAST,
        tags=["x" * limits.TAG_CHARS] * limits.TAGS,
        weight=limits.WEIGHT_MAX,
        ttl=limits.LEASE_TTL_MAX_S,
    )
    assert told.instance.weight == limits.WEIGHT_MAX
