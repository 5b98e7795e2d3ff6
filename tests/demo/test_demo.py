"""The demo, for real: what it promises is kept, and it leaves nobody behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from demo.report import Report
from demo.scene import until
from tests.source import ROOT

DEMO_S = 120
ACTS = ["start", "crash", "rollout", "newcomer", "outage", "return"]


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo.run", *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(directory), "KEEP": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(directory: Path) -> list[str]:
    """Processes that have the demo's directory in their environment, as every process of the demo does."""
    mark = f"{directory}/".encode()
    return [entry.name for entry in Path("/proc").glob("[0-9]*") if mark in environment(entry)]


def environment(entry: Path) -> bytes:
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""


def test_the_demo_keeps_its_promises(tmp_path: Path) -> None:
    demo = start(tmp_path, "--report", str(tmp_path / "report.json"))
    told, _ = demo.communicate(timeout=DEMO_S)
    assert demo.returncode == 0, told
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert [act.name for act in report.acts] == ACTS
    assert all(act.calls is not None and act.calls.made > 0 for act in report.acts)
    assert set(report.act("crash").knew) == {"caller-a", "caller-b", "watcher"}
    assert report.promises, told
    assert report.broken == []
    until("nobody is left", lambda: not left_behind(tmp_path), 10)


def test_an_interrupted_demo_leaves_nobody_behind(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "registered:" in line:
            break
    assert len(left_behind(tmp_path)) >= 7, "a registry, three wrappers and three greeters are there"
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=30)
    assert demo.returncode == 130
    until("nobody is left", lambda: not left_behind(tmp_path), 10)
