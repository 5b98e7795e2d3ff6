"""The units, judged by systemd itself."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from tests.parts import require
from tests.source import ROOT

UNITS = ("muster.service", "muster.socket")
EXPOSURE_AT_MOST = 20
"""Out of 100, by `systemd-analyze security`: what a service has that only listens on the network should score."""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units with a program that exists, since systemd looks."""
    for name in UNITS:
        text = (ROOT / "deploy" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/muster/bin/muster", sys.executable))
    return tmp_path


def test_systemd_has_nothing_to_say(installed: Path) -> None:
    judged = analyze("verify", *(str(installed / name) for name in UNITS))
    ours = [line for line in judged.stderr.splitlines() if "muster" in line]
    assert (judged.returncode, ours) == (0, [])


def test_the_service_is_locked_in(installed: Path) -> None:
    judged = analyze(
        "security", "--offline=yes", f"--threshold={EXPOSURE_AT_MOST}", str(installed / "muster.service")
    )
    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr


def test_the_service_says_when_it_is_ready_and_has_room_for_watchers() -> None:
    service = unit("muster.service")["Service"]
    assert service["Type"] == "notify"
    assert int(service["LimitNOFILE"]) >= 65_536
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_the_socket_is_loopback_unless_somebody_decides_otherwise() -> None:
    assert unit("muster.socket")["Socket"]["ListenStream"] == "127.0.0.1:8500"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("systemd-analyze"), *arguments], capture_output=True, text=True, timeout=60
    )


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "deploy" / name)
    return parser
