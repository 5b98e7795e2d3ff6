"""A server that is stopped under load: real registry, real callers that never pause, nobody's call fails."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from tests.cli.wrapper.programs import free_port
from tests.integrations.callers import calling, until_seen
from tests.integrations.servers import COMMANDS, END_S, command, running
from tests.parts import require
from tests.source import ROOT

from muster.client import Discovery
from muster.testing.server import LocalRegistry

FROM_INSIDE = {
    "uvicorn": (),
    "uvicorn workers": (),
    "gunicorn sync": ("--config", "gunicorn_hooks.py"),
    "gunicorn threads": ("--config", "gunicorn_hooks.py"),
    "gunicorn preload": ("--config", "gunicorn_hooks.py"),
    "gunicorn asgi": ("--config", "gunicorn_hooks.py"),
    "flask run": (),
}
"""Servers whose own process can hold SIGTERM back, and how they are told to."""

QUICK = {"uvicorn", "gunicorn sync"}
"""Each way once in the default run; the whole table takes minutes."""


def ways(names: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in names]


def wrapped(name: str, port: int) -> list[str]:
    run = [sys.executable, "-m", "muster", "run", "--service", "web", "--host", "127.0.0.1"]
    return [*run, "--port", str(port), "--", *command(name, port)]


@pytest.mark.parametrize("name", ways(COMMANDS))
def test_run_loses_no_call(name: str, tmp_path: Path) -> None:
    require(name.split(maxsplit=1)[0])
    first, second = free_port(), free_port()
    stopped_under_load({port: wrapped(name, port) for port in (first, second)}, tmp_path)


@pytest.mark.parametrize("name", ways(FROM_INSIDE))
def test_a_server_that_registers_itself_loses_no_call(name: str, tmp_path: Path) -> None:
    require(name.split(maxsplit=1)[0])
    ports = [free_port(), free_port()]
    stopped_under_load({port: command(name, port, *FROM_INSIDE[name]) for port in ports}, tmp_path)


def test_the_page_says_the_same() -> None:
    """docs/how-to/drain.md: which server can be drained by what."""
    lines = (ROOT / "docs" / "how-to" / "drain.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if line.startswith("| ")]
    told = {name: (wrapped, inside) for name, wrapped, inside in rows if name in COMMANDS}
    assert told == {name: ("yes", "yes" if name in FROM_INSIDE else "no") for name in COMMANDS}


def stopped_under_load(commands: dict[int, list[str]], directory: Path) -> None:
    """Two instances; the first is stopped while both are called, and the other one goes on."""
    first, second = commands
    with ExitStack() as stack:
        url = stack.enter_context(LocalRegistry()).url
        environ = {"MUSTER_URL": url, "XDG_RUNTIME_DIR": str(directory)}
        processes = {
            port: stack.enter_context(running(told, directory / f"{port}.log", PORT=str(port), **environ))
            for port, told in commands.items()
        }
        discovery = stack.enter_context(Discovery(url, ["web"]))
        until_seen(discovery, {first, second})
        with calling(discovery) as callers:
            for caller in callers:
                caller.until_answered(first, 10)
            processes[first].send_signal(signal.SIGTERM)
            code = processes[first].wait(END_S)
            for caller in callers:
                caller.until_answered(second, 10)
        assert [failure for caller in callers for failure in caller.failures] == []
        assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
        until_seen(discovery, {second})
