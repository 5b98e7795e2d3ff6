"""The library in a program that forks, threads, fails and ends: nothing hangs, nothing is left open, nobody stays registered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.httpapi.asking import Caller
from tests.processes import family, told_of
from tests.proof.town import Town
from tests.source import ROOT

ENDS = {"returns": 0, "raises": 1, "exits": 3, "interrupted": -signal.SIGINT, "forgets": 0}
"""How a program ends, and the exit code that Python gives it then."""


@pytest.mark.parametrize(
    ("cycles", "ends"),
    [
        pytest.param(1, ("interrupted", "forgets"), id="slice"),
        pytest.param(5, tuple(ENDS), id="whole", marks=pytest.mark.slow),
    ],
)
def test_a_program_leaves_nothing_behind(tmp_path: Path, cycles: int, ends: tuple[str, ...]) -> None:
    with Town(tmp_path) as town:
        town.serve("web-1", "web-2")
        town.call("picks")  # it begins when there is somebody to call
        for how in ends:
            done = lived(town.url, cycles, how)
            assert done.returncode == ENDS[how], done.stderr
            counts = msgspec.json.decode(done.stdout.splitlines()[-1])
            print(f"{how}: descriptors and threads before and after {cycles} cycles: {counts}")
            assert counts["before"] == counts["after"]
            assert "Fatal Python error" not in done.stderr
            with Caller("127.0.0.1", town.registry.port) as caller:
                assert [each["service"] for each in caller.ask("GET", "/v1/services").json["services"]] == [
                    "web"
                ]


def lived(url: str, cycles: int, how: str) -> subprocess.CompletedProcess[str]:
    """The program, from its beginning to its end."""
    command = [sys.executable, "-m", "tests.proof.living", url, str(cycles), how]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            with told_of(process.pid):
                out, err = process.communicate(timeout=60 + 10 * cycles)
        except subprocess.TimeoutExpired as hangs:
            for pid in reversed(family(process.pid)):
                os.kill(pid, signal.SIGKILL)
            hangs.add_note("".join(process.communicate()))
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
