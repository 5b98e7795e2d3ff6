"""Flask and Django as their users start them: who registers, and who only imports the application."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.wrapper.programs import children, free_port
from tests.integrations.servers import APPS, END_S, running
from tests.parts import require

from muster.testing import FakeRegistry

PYTHON = sys.executable
SERVERS: dict[str, tuple[list[str], dict[str, str]]] = {
    "flask run": ([PYTHON, "-m", "flask", "--app", "shop", "run", "--port", "{port}"], {}),
    "flask run with reloader": (
        [PYTHON, "-m", "flask", "--app", "shop", "run", "--port", "{port}", "--debug"],
        {},
    ),
    "runserver": ([PYTHON, "manage.py", "runserver", "{port}"], {}),
    "runserver without reloader": ([PYTHON, "manage.py", "runserver", "{port}", "--noreload"], {}),
    "flask under gunicorn": (
        [PYTHON, "-m", "gunicorn", "shop:app", "--bind", "127.0.0.1:{port}", "--workers", "2"],
        {"MUSTER_REGISTER": "1"},
    ),
    "django under gunicorn, preloaded": (
        [
            PYTHON,
            "-m",
            "gunicorn",
            "manage:application",
            "--bind",
            "127.0.0.1:{port}",
            "--workers",
            "2",
            "--preload",
        ],
        {"MUSTER_REGISTER": "1"},
    ),
}
RELOADING = ("flask run with reloader", "runserver")
"""They serve in a child."""
COMMANDS = {
    "flask count": [PYTHON, "-m", "flask", "--app", "shop", "count"],
    "manage.py check": [PYTHON, "manage.py", "check"],
    "an import of flask": [PYTHON, "-c", "import shop; print('muster' in shop.app.extensions)"],
    "an import of django": [PYTHON, "-c", "import manage"],
}


def environment(registry: FakeRegistry, directory: Path, port: int) -> dict[str, str]:
    return {"MUSTER_URL": registry.url, "XDG_RUNTIME_DIR": str(directory), "PORT": str(port)}


def interrupt(name: str, pid: int) -> None:
    """As ^C at a terminal does; but of those that serve in a child, the child alone: a reloader gives it a quarter of a second (that
    is `subprocess.run`), which is not enough on a busy machine, and kills it. The registry is then told by the lost session."""
    if name in RELOADING:
        (serving,) = children(pid)
        os.kill(serving, signal.SIGINT)
    else:
        os.killpg(pid, signal.SIGINT)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_one_entry_from_its_start_to_its_end(
    name: str, registry: FakeRegistry, tmp_path: Path
) -> None:
    for part in ("flask", "django", "gunicorn"):
        require(part)
    command, more = SERVERS[name]
    port = free_port()
    told = [each.format(port=port) for each in command]
    with running(told, tmp_path / "log", **environment(registry, tmp_path, port), **more) as process:
        registry.wait(lambda: len(registry.sessions) == 1, 60)
        assert set(registry.incarnations) == {f"web-127.0.0.1-{port}"}
        interrupt(name, process.pid)
        process.wait(END_S)
        registry.wait(lambda: not registry.sessions)
    assert registry.holdings.count("web") == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_whoever_only_imports_it_registers_nothing(
    name: str, registry: FakeRegistry, tmp_path: Path, port: int
) -> None:
    """Though the port answers, as it does beside a server in one container."""
    environ = environment(registry, tmp_path, port) | {"PATH": "", "PYTHONPATH": str(APPS)}
    done = subprocess.run(COMMANDS[name], cwd=APPS, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "True" in done.stdout) == (0, False), done.stderr
    assert not registry.requests
