"""However a client spells it: Go's names, snake case, any case."""

import pytest

from muster.consul.requests import ServiceBody
from muster.consul.spelling import NotSo, go_name, read

SAID = [
    b'{"Name": "web", "EnableTagOverride": true, "Check": {"DeregisterCriticalServiceAfter": "1m", "TTL": "10s"}}',
    b'{"name": "web", "enable_tag_override": true, "check": {"deregister_critical_service_after": "1m", "ttl": "10s"}}',
    b'{"NAME": "web", "enabletagoverride": true, "check": {"deregistercriticalserviceafter": "1m", "Ttl": "10s"}}',
    b'{"Name": "web", "EnableTagOverride": true, "Check": {"DeregisterCriticalServiceAfter": "1m", "TTL": "10s"}, "New": 1}',
]


def test_all_spellings_are_the_same() -> None:
    assert len({repr(read(body, ServiceBody)) for body in SAID}) == 1


def test_the_keys_of_a_map_are_content_and_stay_as_they_are() -> None:
    assert read(b'{"Meta": {"Some_Key": "v"}, "Tags": null}', ServiceBody).meta == {"Some_Key": "v"}


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("tls_server_name", "TLSServerName"),
        ("check_id", "CheckID"),
        ("grpc_use_tls", "GRPCUseTLS"),
        ("node_meta", "NodeMeta"),
    ],
)
def test_answers_have_gos_names(name: str, spelt: str) -> None:
    assert go_name(name) == spelt


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"Port": "80"}', b'{"Tags": "a"}', b"[" * 5000, b"\xff"]
)
def test_what_is_no_such_body_is_told(body: bytes) -> None:
    with pytest.raises(NotSo):
        read(body, ServiceBody)
