"""The examples of Consul's own API documentation, and a registry that was restarted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tests.consul.asking import catalog, health, index, register
from tests.consul.conftest import SETTINGS
from tests.httpapi.asking import Caller

from muster.testing.prober import ScriptedProber
from muster.testing.server import LocalRegistry

EXTERNAL: dict[str, Any] = {
    "Datacenter": "dc1",
    "ID": "40e4a748-2192-161a-0510-9bf59fe950b5",
    "Node": "t2.320",
    "Address": "192.168.10.10",
    "TaggedAddresses": {"lan": "192.168.10.10", "wan": "10.0.10.10"},
    "NodeMeta": {"somekey": "somevalue"},
    "Service": {
        "ID": "redis1",
        "Service": "redis",
        "Tags": ["primary", "v1"],
        "Address": "127.0.0.1",
        "TaggedAddresses": {
            "lan": {"address": "127.0.0.1", "port": 8000},
            "wan": {"address": "198.18.0.1", "port": 80},
        },
        "Meta": {"redis_version": "4.0"},
        "Port": 8000,
        "Namespace": "default",
    },
    "Check": {
        "Node": "t2.320",
        "CheckID": "service:redis1",
        "Name": "Redis health check",
        "Notes": "Script based health check",
        "Status": "passing",
        "ServiceID": "redis1",
        "Definition": {"TCP": "localhost:8888", "Interval": "5s", "Timeout": "1s"},
        "Namespace": "default",
    },
    "SkipNodeUpdate": False,
}
"""https://developer.hashicorp.com/consul/api-docs/catalog, "Register Entity"."""


def test_the_external_service_of_the_documentation(caller: Caller) -> None:
    assert caller.ask("PUT", "/v1/catalog/register", EXTERNAL).json is True
    (told,) = catalog(caller, "service/redis")
    wanted = {
        "ID": "40e4a748-2192-161a-0510-9bf59fe950b5",
        "Node": "t2.320",
        "Address": "192.168.10.10",
        "Datacenter": "dc1",
        "TaggedAddresses": {"lan": "192.168.10.10", "wan": "10.0.10.10"},
        "NodeMeta": {"somekey": "somevalue"},
        "ServiceAddress": "127.0.0.1",
        "ServiceID": "redis1",
        "ServiceName": "redis",
        "ServicePort": 8000,
        "ServiceMeta": {"redis_version": "4.0"},
        "ServiceTags": ["primary", "v1"],
        "ServiceTaggedAddresses": {
            "lan": {"Address": "127.0.0.1", "Port": 8000},
            "wan": {"Address": "198.18.0.1", "Port": 80},
        },
    }
    assert {key: told[key] for key in wanted} == wanted
    (element,) = health(caller, "redis", "?passing").json
    check = element["Checks"][-1]
    assert (check["CheckID"], check["Name"], check["Notes"], check["Status"]) == (
        *("service:redis1", "Redis health check"),
        *("Script based health check", "passing"),
    )


def test_the_deregistrations_of_the_documentation(caller: Caller) -> None:
    caller.ask("PUT", "/v1/catalog/register", EXTERNAL)
    for body in (
        {"Datacenter": "dc1", "Node": "t2.320", "CheckID": "service:redis1", "Namespace": "default"},
        {"Datacenter": "dc1", "Node": "t2.320", "ServiceID": "redis1", "Namespace": "default"},
        {"Datacenter": "dc1", "Node": "t2.320"},
    ):
        assert caller.ask("PUT", "/v1/catalog/deregister", body).json is True
    assert catalog(caller, "node/t2.320") is None


def test_a_restarted_registry_tells_the_same_and_no_lower_index(tmp_path: Path) -> None:
    settings = replace(SETTINGS, store="sqlite", data=tmp_path)
    told: list[Any] = []
    indexes: list[int] = []
    for _ in range(2):
        with (
            LocalRegistry(settings, prober=ScriptedProber()) as registry,
            Caller(registry.host, registry.port) as caller,
        ):
            if not told:
                caller.ask("PUT", "/v1/catalog/register", EXTERNAL)
                register(caller, "web", Check={"TTL": "60s", "Status": "warning"}, Tags=["a"])
                caller.ask("PUT", "/v1/agent/service/maintenance/web?enable=true&reason=r")
            answers = [health(caller, name) for name in ("web", "redis")]
            told.append([answer.json for answer in answers] + [catalog(caller, "nodes")])
            indexes.append(min(map(index, answers)))
    assert told[0] == told[1]
    assert indexes[0] <= indexes[1]
