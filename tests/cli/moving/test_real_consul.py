"""`muster follow` beside a real Consul agent: what it has is here, what it loses goes, and when it is away nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.moving.test_follow import follow, following, until
from tests.consul.real import running
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

pytestmark = pytest.mark.slow
SERVICES: list[dict[str, object]] = [
    {
        "Name": "web",
        "ID": "w1",
        "Address": "10.0.0.1",
        "Port": 80,
        "Tags": ["a"],
        "Weights": {"Passing": 5, "Warning": 2},
    },
    {
        "Name": "web",
        "ID": "w2",
        "Address": "10.0.0.2",
        "Port": 80,
        "Check": {"TTL": "60s", "Status": "warning"},
    },
    {"Name": "web", "ID": "critical", "Port": 81, "Check": {"TTL": "60s"}},
    {
        "Name": "Odd Name",
        "ID": "o/1",
        "Address": "fd00::1",
        "Port": 80,
        "Locality": {"Region": "r", "Zone": "z"},
    },
    {"Name": "no-port", "ID": "np", "Address": "10.0.0.3"},
    {"Name": "side", "Port": 1, "Kind": "connect-proxy", "Proxy": {"DestinationServiceName": "web"}},
]
EXTERNAL = {"Node": "ext", "Address": "10.9.9.9", "Service": {"ID": "e1", "Service": "ext", "Port": 99}}


def put(agent: Caller, path: str, body: object = None) -> None:
    assert agent.ask("PUT", path, body).status == 200


def places(here: Caller, service: str) -> dict[str, int]:
    answer = here.look(service)
    return {each["host"]: each["weight"] for each in answer.json["instances"]} if answer.status == 200 else {}


def test_a_real_agent_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry() as new, Caller(new.host, new.port) as here:
        with running(tmp_path) as port, Caller("127.0.0.1", port) as agent:
            for service in SERVICES:
                put(agent, "/v1/agent/service/register", service)
            put(agent, "/v1/catalog/register", EXTERNAL)
            source = f"consul://127.0.0.1:{port}"
            with following(source, new):
                until(lambda: places(here, "web") == {"10.0.0.1": 500, "10.0.0.2": 100})
                until(lambda: places(here, "ext") == {"10.9.9.9": 100})
                (odd,) = here.look("odd-name").json["instances"]
                assert (odd["host"], odd["region"], odd["zone"]) == ("fd00::1", "r", "z")
                assert here.look("side").status == here.look("no-port").status == 404
                assert follow(capsys, source, new, "--compare", "--once").code == 0
                put(agent, "/v1/agent/check/fail/service:w2")
                until(lambda: places(here, "web") == {"10.0.0.1": 500})
                put(agent, "/v1/agent/service/deregister/w1")
                put(agent, "/v1/agent/check/pass/service:critical")
                until(lambda: places(here, "web") == {"127.0.0.1": 100})
        away = follow(capsys, source, new, "--once")
        assert (away.code, places(here, "web")) == (3, {"127.0.0.1": 100})


def test_what_registers_here_too_takes_the_place_of_its_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the same call of Consul's API, from a node of the same name."""
    with (
        LocalRegistry() as new,
        Caller(new.host, new.port) as here,
        running(tmp_path) as port,
        Caller("127.0.0.1", port) as agent,
    ):
        source, service = f"consul://127.0.0.1:{port}", SERVICES[0]
        put(agent, "/v1/agent/service/register", service)
        until(lambda: follow(capsys, source, new, "--once").code == 0 and len(places(here, "web")) == 1)
        here.ask("PUT", "/v1/agent/service/register", service, muster_node="home")
        (itself,) = here.look("web").json["instances"]
        assert "muster-origin" not in itself["metadata"]
        assert "1 have moved here" in follow(capsys, source, new, "--once").err
        assert follow(capsys, source, new, "--compare", "--once").code == 0
