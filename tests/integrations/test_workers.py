"""Servers of several processes: one entry, whoever of them dies, is replaced, or is reloaded."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from tests.cli.wrapper.programs import free_port
from tests.integrations.servers import END_S, command, running, until
from tests.parts import require
from tests.processes import family

from muster.testing import FakeRegistry

HOOKS = ("--config", "gunicorn_hooks.py")


@contextlib.contextmanager
def server(
    name: str, registry: FakeRegistry, directory: Path, *options: str
) -> Iterator[tuple[str, Popen[bytes]]]:
    """Running and registered: its id, and its first process."""
    require(name.split(maxsplit=1)[0])
    port = free_port()
    environ = {"MUSTER_URL": registry.url, "XDG_RUNTIME_DIR": str(directory), "PORT": str(port)}
    with running(command(name, port, *options), directory / "log", **environ) as process:
        registry.wait(lambda: len(registry.sessions) == 1, 60)
        yield f"web-127.0.0.1-{port}", process


def registrations(registry: FakeRegistry) -> int:
    return sum(seen.path == "/v1/register" for seen in registry.requests)


def sockets_to(port: str) -> dict[int, int]:
    """pid -> how many connections it has to that port of this machine."""
    ends = f":{int(port):04X}"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inodes = {f"socket:[{fields[9]}]" for fields in lines if fields[2].endswith(ends)}
    found: dict[int, int] = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in inodes:
                pid = int(link.parts[2])
                found[pid] = found.get(pid, 0) + 1
    return found


def workers(pid: int) -> set[int]:
    return set(family(pid)) - {pid}


def present(directory: Path) -> set[int]:
    """Members of the one crew that meets there: shared locks on its file, in /proc/locks, proc(5)."""
    (file,) = (directory / "muster").glob("*.crew")
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    held = [fields for fields in lines if fields[1] == "POSIX" and fields[3] == "READ"]
    return {int(fields[4]) for fields in held if fields[5].endswith(f":{file.stat().st_ino}")}


def leader(registry: FakeRegistry, process: Popen[bytes]) -> int:
    """The one process of the server that speaks with the registry."""
    (pid,) = sockets_to(registry.url.rpartition(":")[2]).keys() & set(family(process.pid))
    return pid


def test_a_leader_that_dies_is_followed_by_another(registry: FakeRegistry, tmp_path: Path) -> None:
    with server("uvicorn workers", registry, tmp_path) as (id, process):
        before = registry.incarnations[id]
        until(lambda: len(present(tmp_path)) == 2)
        os.kill(leader(registry, process), signal.SIGKILL)
        registry.wait(lambda: not registry.sessions)
        registry.wait(lambda: registry.sessions == {id})
        assert registry.incarnations[id] == before, "it is the same start of the server"
        assert not any(seen.method == "DELETE" for seen in registry.requests)


def test_workers_that_are_replaced_one_by_one_are_not_drained(registry: FakeRegistry, tmp_path: Path) -> None:
    with server("uvicorn workers", registry, tmp_path) as (id, process):
        before = registry.incarnations[id]
        until(lambda: len(present(tmp_path)) == 2)
        first = leader(registry, process)
        process.send_signal(signal.SIGHUP)
        registry.wait(lambda: registrations(registry) > 1, 60)
        registry.wait(lambda: registry.sessions == {id})
        assert leader(registry, process) != first
        assert registry.incarnations[id] == before
        assert not [
            seen for seen in registry.requests if seen.path.endswith("/drain") or seen.method == "DELETE"
        ]


def test_when_all_of_them_stop_one_drains(registry: FakeRegistry, tmp_path: Path) -> None:
    with server("uvicorn workers", registry, tmp_path) as (id, process):
        until(lambda: len(present(tmp_path)) == 2)
        process.terminate()
        process.wait(END_S)
        assert registry.holdings.get(id) is None
        assert sum(seen.path.endswith("/drain") for seen in registry.requests) == 1


@pytest.mark.parametrize("name", ["gunicorn sync", "gunicorn preload", "gunicorn asgi"])
def test_the_arbiter_registers_and_no_worker_does(name: str, registry: FakeRegistry, tmp_path: Path) -> None:
    with server(name, registry, tmp_path, *HOOKS) as (id, process):
        assert leader(registry, process) == process.pid
        process.terminate()
        process.wait(END_S)
        assert registrations(registry) == 1
        assert registry.holdings.get(id) is None


def test_a_reloaded_gunicorn_goes_on_and_still_ends_well(registry: FakeRegistry, tmp_path: Path) -> None:
    with server("gunicorn sync", registry, tmp_path, *HOOKS) as (id, process):
        before = workers(process.pid)
        process.send_signal(signal.SIGHUP)
        until(lambda: len(workers(process.pid)) == 2 and not workers(process.pid) & before)
        assert registrations(registry) == 1
        process.send_signal(signal.SIGINT)
        process.wait(END_S)
        assert registry.holdings.get(id) is None


def test_a_gunicorn_that_is_replaced_in_place_is_one_entry(registry: FakeRegistry, tmp_path: Path) -> None:
    """USR2: another arbiter with the same sockets. It stands by, and takes over when the first one is stopped."""
    with server("gunicorn sync", registry, tmp_path, *HOOKS) as (id, process):
        before = registry.incarnations[id]
        process.send_signal(signal.SIGUSR2)
        until(lambda: len(present(tmp_path)) == 2)
        (second,) = present(tmp_path) - {process.pid}
        try:
            process.terminate()
            process.wait(END_S)
            registry.wait(lambda: registry.sessions == {id} and registrations(registry) == 2)
            assert registry.incarnations[id] == before
            assert not [seen for seen in registry.requests if seen.path.endswith("/drain")]
        finally:
            stopped = family(second)
            os.kill(second, signal.SIGTERM)
            until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in stopped))
        assert registry.holdings.get(id) is None


def test_a_server_that_cannot_start_is_not_registered(registry: FakeRegistry, tmp_path: Path) -> None:
    environ = {"MUSTER_URL": registry.url, "XDG_RUNTIME_DIR": str(tmp_path), "MUSTER_SERVICE": "web"}
    broken = [
        each.replace("wsgi:app", "wsgi:nothing") for each in command("gunicorn sync", free_port(), *HOOKS)
    ]
    with running(broken, tmp_path / "log", **environ) as process:
        assert process.wait(END_S) != 0
    assert not registry.requests
