"""The first judge: py-consul's own tests of agent, catalog, health and status, run unchanged against a registry of ours.

They look for the agent at port 8500 of this machine, so they run in a network namespace of their own. Their conftest.py starts
Consul in containers; ours (`their_conftest.py`) takes its place.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.consul.fetched import py_consul
from tests.parts import require

HERE = Path(__file__).parent
RUN_S = 120.0
NEED_MORE = {
    "test_agent_force_leave_prune": "operates an agent",
    "test_agent_leave": "operates an agent",
    "test_agent_metrics": "operates an agent",
    "test_agent_monitor_rejects_invalid_loglevel": "operates an agent",
    "test_agent_reload": "operates an agent",
    "test_agent_service_connect": "registers a sidecar of the mesh",
    "test_agent_token_permission_denied": "ACLs",
    "test_agent_token_set": "ACLs",
    "test_catalog_gateway_services": "configuration entries",
}
"""Tests of other parts of Consul, and which."""


@pytest.mark.parametrize(
    "file",
    [
        "catalog",
        "status",
        pytest.param("agent", marks=pytest.mark.slow),
        pytest.param("health", marks=pytest.mark.slow),
    ],
)
def test_their_tests_pass(tmp_path: Path, pytestconfig: pytest.Config, file: str) -> None:
    require("netns")
    source = py_consul(pytestconfig)
    shutil.copytree(source / "consul", tmp_path / "consul")
    shutil.copytree(source / "tests", tmp_path / "tests")
    shutil.copy(HERE / "their_conftest.py", tmp_path / "conftest.py")
    unselected = [f"--deselect=tests/api/test_{file}.py::Test{file.title()}::{name}" for name in NEED_MORE]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *unselected]
    command = [sys.executable, "-m", "pytest", *options, f"tests/api/test_{file}.py"]
    inside = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    ran = subprocess.run(inside, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
