"""Another judge: the package `consul` of npm, which thousands of Node services use, with its watches."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.consul.fetched import npm_consul
from tests.parts import require

from muster.testing.server import LocalRegistry

SCRIPT = Path(__file__).parent / "npm_round_trip.js"
RUN_S = 60.0


def test_a_round_trip_with_watches(registry: LocalRegistry, pytestconfig: pytest.Config) -> None:
    place = npm_consul(pytestconfig)
    command = [require("node"), str(SCRIPT), registry.host, str(registry.port), str(place)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    assert ran.returncode == 0, ran.stderr
    told = dict(msgspec.json.decode(line) for line in ran.stdout.splitlines())
    assert told.pop("unknown")[0] == 404
    assert told == {
        "services": ["shop-1"],
        "tags": ["blue"],
        "node": "10.0.0.8",
        "checks": [["service:shop-1", "passing", "fine"]],
        "seen": [[], ["shop-1"], [], ["shop-1"], []],
        "leader": "127.0.0.1:8300",
    }
