"""Software that knows nothing of Muster: py-eureka-client registers, discovers, calls, is overridden and leaves; Prometheus scrapes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.rendering.running import Answering
from tests.eureka.asking import Eureka
from tests.httpapi.asking import Caller
from tests.parts import require
from tests.prometheus import Prometheus

from muster.testing.server import LocalRegistry

PATIENCE_S = 30.0


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


@pytest.fixture
def program(registry: LocalRegistry) -> Iterator[subprocess.Popen[str]]:
    require("py_eureka_client")
    script = Path(__file__).parent / "program.py"
    words = [sys.executable, str(script), f"{registry.url}/eureka", "shop"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdecimal()
        yield process
    finally:
        process.kill()
        process.wait()


class Client:
    """`client.py`, told what to do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def obey(self, order: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@pytest.fixture
def client(registry: LocalRegistry) -> Iterator[Client]:
    """Takes part itself, as `caller`."""
    require("py_eureka_client")
    script = Path(__file__).parent / "client.py"
    words = [sys.executable, str(script), f"{registry.url}/eureka/v2/"]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Client(process)
    finally:
        process.kill()
        process.wait()


def test_py_eureka_client(program: subprocess.Popen[str], client: Client, caller: Caller) -> None:
    (seen,) = caller.look("shop").json["instances"]
    assert (seen["host"], seen["zone"], seen["status"]) == ("127.0.0.1", "a", "healthy")
    assert client.obey("call SHOP") == "shop"

    native = Answering("native")
    caller.register("native", "native-1", port=native.server_port)
    until(lambda: client.obey("call NATIVE") == "native")
    native.stop()

    assert client.obey("status OUT_OF_SERVICE") == "done"
    assert caller.look("caller").ids == []
    assert client.obey("clear") == "done"
    assert len(caller.look("caller").ids) == 1

    program.send_signal(signal.SIGTERM)
    until(lambda: caller.look("shop").status == 404)
    until(lambda: client.obey("call SHOP").startswith("failed"))


def test_its_heartbeats_keep_the_lease(program: subprocess.Popen[str], caller: Caller) -> None:
    """And a process that is killed leaves by its lease, six seconds after its last word."""
    (id,) = caller.look("shop").ids
    one = f"/v1/instances/{id.replace('/', '%2F')}"
    before = caller.ask("GET", one).json["lease"]["remaining"]
    until(lambda: caller.ask("GET", one).json["lease"]["remaining"] > before)
    program.kill()
    until(lambda: caller.look("shop").ids == [])


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise TimeoutError


def test_prometheus(caller: Caller, registry: LocalRegistry, tmp_path: Path) -> None:
    scraping = {
        "job_name": "services",
        "eureka_sd_configs": [{"server": f"{registry.url}/eureka", "refresh_interval": "200ms"}],
        "relabel_configs": [
            {"source_labels": ["__meta_eureka_app_name"], "target_label": "app"},
            {"source_labels": ["__meta_eureka_app_instance_metadata_team"], "target_label": "team"},
        ],
    }
    times = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
    Eureka(caller).register(
        "shop", "a", hostName="127.0.0.1", port={"$": 1, "@enabled": "true"}, metadata={"team": "x"}
    )
    caller.register("web", "web-1", port=2)
    with Prometheus(tmp_path, {"global": times, "scrape_configs": [scraping]}) as prometheus:
        one, two = (f"http://127.0.0.1:{port}/metrics" for port in (1, 2))
        prometheus.until(lambda: prometheus.targets().keys() == {one, two})
        labels = prometheus.targets()[one]["labels"]
        assert (labels["app"], labels["team"]) == ("SHOP", "x")
        caller.deregister("web-1")
        prometheus.until(lambda: prometheus.targets().keys() == {one})
