"""What pytest finds by itself in a project that has Muster: run as such a project would, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os

from muster import Discovery, NoEndpoint
from muster.testing import FakeRegistry, ManualClock


def inventory():
    with Discovery.from_env(["inventory"]) as discovery:
        discovery.wait_ready()
        return discovery.pick("inventory").address


def test_a_program_finds_what_the_test_has_added(muster_registry):
    assert isinstance(muster_registry, FakeRegistry)
    muster_registry.add("inventory", port=8080)
    assert inventory() == "127.0.0.1:8080"
    assert not os.path.exists(os.environ["HOME"] + "/.cache")


def test_each_test_begins_with_an_empty_one(muster_registry):
    try:
        inventory()
    except NoEndpoint as nobody:
        assert nobody.reason == "absent"


def test_age_is_what_the_clock_says(muster_registry, muster_clock):
    muster_registry.add("inventory", port=8080)
    with Discovery(muster_registry.url, ["inventory"], clock=muster_clock) as discovery:
        discovery.wait_ready()
        muster_registry.hush()
        muster_clock.advance(120)
        assert 0 <= discovery.mirror("inventory").age <= 120
"""


def pytest_in(directory: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env={**os.environ, "HOME": str(directory), "MUSTER_NAMESPACE": "elsewhere"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_fixtures_are_there(tmp_path: Path) -> None:
    (tmp_path / "test_inventory.py").write_text(PROGRAM)
    assert "3 passed" in pytest_in(tmp_path)


def test_who_asks_for_none_loads_nothing(tmp_path: Path) -> None:
    program = "import sys\ndef test(): assert not {'msgspec', 'muster.client', 'muster.wire'} & sys.modules.keys()\n"
    (tmp_path / "test_nothing.py").write_text(program)
    assert "1 passed" in pytest_in(tmp_path)
