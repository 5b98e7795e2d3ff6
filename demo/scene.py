"""Who is on the stage: a registry, instances under `muster run`, callers and a watcher, all of them processes of this machine."""

import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from .caller import SERVICE
from .journal import Journal, Missing
from .process import Process, kill_greeter, undisturbed

MUSTER = (sys.executable, "-m", "muster")
LOOK_S = 0.02
GRACE_S = 8.0


class Instance:
    """A greeter under `muster run`. `pid` is the greeter's own."""

    def __init__(self, name: str, zone: str, wrapper: Process, pid: int) -> None:
        self.name = name
        self.zone = zone
        self.wrapper = wrapper
        self.pid = pid

    def crash(self) -> float:
        """Both at once, as if the machine had lost its memory. Returns when."""
        at = time.monotonic()
        self.wrapper.kill()
        kill_greeter(self.pid)
        self.wrapper.wait(5)
        return at


class Scene:
    """`end` ends everything that was started."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        self._directory = directory
        self._journal = journal
        self._processes: list[Process] = []
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.registry: Process | None = None

    @property
    def cast(self) -> list[str]:
        return list(dict.fromkeys(process.name for process in self._processes))

    def end(self) -> None:
        """Ask everybody at once, and make those who do not: `muster run` ends its greeter, unless it was killed itself."""
        with undisturbed():
            for process in self._processes:
                process.signal(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_S
            for process in self._processes:
                process.end_by(deadline)
            for line in self._journal.lines("serving"):
                kill_greeter(line.told["pid"])

    def start_registry(self) -> float:
        """Returns how many seconds it took to be ready."""
        began = time.monotonic()
        data = str(self._directory / "registry")
        command = (*MUSTER, "serve", "--listen", f"127.0.0.1:{self._port}", "--data", data)
        self.registry = self._start("registry", command)
        until("the registry is ready", self._is_ready, within=15)
        return time.monotonic() - began

    def kill_registry(self) -> float:
        assert self.registry is not None
        at = time.monotonic()
        self.registry.kill()
        self.registry.wait(5)
        return at

    def launch(self, name: str, zone: str) -> Process:
        """Start a greeter; `arrived` waits for it."""
        port = str(free_port())
        options = ("--service", SERVICE, "--id", name, "--host", "127.0.0.1", "--port", port, "--zone", zone)
        greeter = ("--", sys.executable, "-m", "demo.service", name)
        command = (*MUSTER, "run", *options, "--check", "http:/health", *greeter)
        return self._start(name, command)

    def arrived(self, wrapper: Process, zone: str) -> Instance:
        serving = self._journal.wait(
            f"{wrapper.name} serves", lambda line: line.who == wrapper.name and line.event == "serving", 15
        )
        return Instance(wrapper.name, zone, wrapper, serving.told["pid"])

    def start_caller(self, name: str, zone: str) -> float:
        """Returns when."""
        return self._look_on(name, "demo.caller", {"MUSTER_ZONE": zone})

    def start_watcher(self, name: str) -> float:
        return self._look_on(name, "demo.watcher", {})

    def listed(self) -> set[str]:
        """The registry's own answer: the instances that callers may use."""
        status, body = self._get(f"/v1/services/{SERVICE}/instances")
        if status == http.HTTPStatus.NOT_FOUND:  # nobody has registered yet
            return set()
        return {instance["instance_id"] for instance in msgspec.json.decode(body)["instances"]}

    def on_disk(self) -> str:
        """What the callers have saved of the service; they share a directory."""
        files = (self._directory / "cache").rglob(f"{SERVICE}.mirror")
        return "".join(file.read_text() for file in files)

    def _look_on(self, name: str, module: str, told: dict[str, str]) -> float:
        at = time.monotonic()
        self._start(name, (sys.executable, "-m", module), told)
        return at

    def _start(self, name: str, command: tuple[str, ...], told: dict[str, str] | None = None) -> Process:
        ours = {key: value for key, value in os.environ.items() if not key.startswith("MUSTER_")}
        muster = {"MUSTER_URL": self.url, "MUSTER_CACHE_DIR": str(self._directory / "cache")}
        with undisturbed():
            process = Process(name, command, ours | muster | (told or {}), self._journal.add)
            self._processes.append(process)
        return process

    def _is_ready(self) -> bool:
        assert self.registry is not None
        if not self.registry.running:
            raise Missing("the registry is ready: it ended")
        try:
            return self._get("/readyz")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def stop(instance: Instance) -> float:
    """What a rollout does: SIGTERM to `muster run`. Returns when."""
    at = time.monotonic()
    instance.wrapper.signal(signal.SIGTERM)
    return at


def until(what: str, holds: Callable[[], bool], within: float) -> None:
    """Raises `Missing`."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise Missing(f"{what}: not within {within:g} s")
        threading.Event().wait(LOOK_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
