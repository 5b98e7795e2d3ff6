"""The protocols of sd_notify(3) and sd_listen_fds(3), against a socket of our own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from muster.server import systemd


def test_ready_reaches_the_socket(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as manager:
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        assert systemd.notify(environ, systemd.READY, systemd.status("12 services\nwell"))
        assert manager.recv(100) == b"READY=1\nSTATUS=12 services well"


def test_an_abstract_socket_is_understood() -> None:
    name = f"muster-test-{os.getpid()}"
    with listening("\0" + name) as manager:
        assert systemd.notify({"NOTIFY_SOCKET": "@" + name}, systemd.STOPPING)
        assert manager.recv(100) == b"STOPPING=1"


def test_nobody_to_tell_is_no_error(tmp_path: Path) -> None:
    assert not systemd.notify({}, systemd.READY)
    assert not systemd.notify({"NOTIFY_SOCKET": str(tmp_path / "gone")}, systemd.READY)


def test_a_manager_that_does_not_read_does_not_stop_us(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")):
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        while systemd.notify(environ, systemd.WATCHDOG):
            pass


def test_a_reload_carries_its_time_in_microseconds() -> None:
    assert systemd.reloading(1_234_567_890) == "RELOADING=1\nMONOTONIC_USEC=1234567"


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_sign_of_life_is_due_twice_as_often_as_systemd_looks(
    environ: dict[str, str], interval: float | None
) -> None:
    assert systemd.watchdog_interval(environ, pid=7) == interval


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "8"}, {"LISTEN_FDS": "x", "LISTEN_PID": "7"}],
)
def test_sockets_meant_for_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert systemd.listen_fds(environ, pid=7) == ()


def test_sockets_meant_for_us_are_taken_and_not_handed_on() -> None:
    # In a child, because descriptor 3 of this one belongs to somebody else.
    code = (
        "import os, socket; from muster.server.systemd import listen_fds;"
        "fds = listen_fds(os.environ, os.getpid());"
        "print(fds, os.get_inheritable(3), socket.socket(fileno=3).getsockname())"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        script = f'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" -c "$1" 3<&{server.fileno()}'
        answer = _shell(script, code, server.fileno())
    assert answer == f"(3,) False {address}"


def _shell(script: str, code: str, fd: int) -> str:
    ran = subprocess.run(
        ["bash", "-c", script, sys.executable, code],
        pass_fds=[fd],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def listening(path: str) -> socket.socket:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(5)
    manager.bind(path)
    return manager
