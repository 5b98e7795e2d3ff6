"""What articles about service discovery print runs against Muster as printed."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller
from tests.seeds.service_client import ServiceClient

from muster.testing.server import LocalRegistry

HERE = Path(__file__).parent

INVENTORY = {
    "service": "inventory-api",
    "instanceId": "inventory-api-7f9c8d4f7d-h2kgw",
    "host": "10.42.6.18",
    "port": 8080,
    "zone": "ap-south-1a",
    "region": "ap-south-1",
    "version": "2026.04.18.2",
    "weight": 100,
    "healthEndpoint": "/health/ready",
}
"""The second article's registration payload."""


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def url(registry: LocalRegistry) -> str:
    return f"{registry.url}/v1"


@pytest.fixture
def caller(registry: LocalRegistry) -> Iterator[Caller]:
    with Caller(registry.host, registry.port) as caller:
        yield caller


class Program:
    """A process that uses the printed client; each line it is told is run, and answered with a line."""

    def __init__(self, url: str, port: int = 8080) -> None:
        code = (
            "from service_registry import ServiceRegistry\n"
            f"client = ServiceRegistry({url!r}, 'payment-service', '10.0.0.5', {port})\n"
            "while True:\n"
            "    try: print(eval(input()), flush=True)\n"
            "    except EOFError: break\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE)},
        )

    def run(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def end(self) -> int:
        """It ends by itself, having nothing more to do."""
        self._process.communicate(timeout=20)
        return self._process.returncode


Start = Callable[..., Program]


@pytest.fixture
def start(url: str) -> Iterator[Start]:
    started: list[Program] = []

    def start(port: int = 8080) -> Program:
        started.append(Program(url, port))
        return started[-1]

    yield start
    for program in started:
        program.end()


def test_the_printed_client_registers_renews_and_deregisters(
    registry: LocalRegistry, caller: Caller, start: Start
) -> None:
    program = start()
    program.run("client.register({'version': 'v1.2', 'region': 'us-east', 'canary': True})")
    listed = caller.look("payment-service").json["instances"]
    assert [(each["instance_id"], each["host"], each["port"]) for each in listed] == [
        (program.run("client.instance_id"), "10.0.0.5", 8080)
    ]
    assert listed[0]["metadata"] == {"version": "v1.2", "region": "us-east", "canary": "true"}
    while not registry.do(lambda running: running.registry.machine.leases.renewals):
        threading.Event().wait(0.001)
    program.run("client.deregister()")
    assert caller.look("payment-service").status == 404


def test_it_deregisters_at_the_end_of_its_process(caller: Caller, start: Start) -> None:
    program = start()
    program.run("client.register()")
    assert caller.look("payment-service").status == 200
    assert program.end() == 0
    assert caller.look("payment-service").status == 404


def test_a_heartbeat_of_a_client_the_registry_forgot_asks_it_to_register(caller: Caller) -> None:
    assert caller.ask("PUT", "/v1/heartbeat/payment-service-10.0.0.5-8080-abcdef01").status == 404


def test_the_rebuilt_client_finds_instances_in_turn(url: str, start: Start) -> None:
    for port in (8080, 8081):
        start(port).run("client.register()")
    client = ServiceClient(url)
    ports = [client.get_instance("payment-service")["port"] for _ in range(4)]
    assert sorted(ports[:2]) == sorted(ports[2:]) == [8080, 8081]


def test_the_rebuilt_client_lives_on_its_cache(url: str, start: Start) -> None:
    start().run("client.register()")
    client = ServiceClient(url, cache_ttl_seconds=0)
    assert client.get_instance("payment-service")["port"] == 8080
    client.registry_url = "http://127.0.0.1:9/v1"
    assert client.get_instance("payment-service")["port"] == 8080


def test_the_other_dialect_of_registration(caller: Caller) -> None:
    told = caller.ask("POST", "/v1/register", INVENTORY)
    assert (told.status, told.json["instance_id"]) == (201, INVENTORY["instanceId"])
    detail = caller.ask("GET", f"/v1/instances/{INVENTORY['instanceId']}").json
    said = {key: detail[key] for key in ("service", "host", "port", "zone", "region", "version", "weight")}
    assert said == {key: INVENTORY[key] for key in said}
    assert [(check["kind"], check["health"]) for check in detail["checks"]] == [("http", "unknown")]
    assert detail["status"] == "starting"
