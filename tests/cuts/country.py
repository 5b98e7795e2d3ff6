"""Three replicas, three members of etcd and a load, each in a network namespace of its own; the router between them drops what it is
told to.

    with Country(tmp_path) as country:
        with country.load(rate=100, watchers=20, services=4) as notes:
            country.network.cut(country.replicas[0].host, country.etcd[1].host)
            country.well()
        violations(notes())
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from tests.cuts.notes import Note, Ready, read
from tests.parts import require
from tests.processes import pause
from tests.proof.network import Network
from tests.source import ROOT

PARTS: Final = ("netns", "ip", "nft", "etcd", "etcdctl", "curl")
"""Each is missed loudly (`tests/parts.py`)."""
LONG_S: Final = 60.0
LOOK_EVERY_S: Final = 0.1
END_S: Final = 400.0
TOKEN: Final = "country"
PREFIX: Final = "country"


class Program:
    """A process at `host`, started, killed and paused as often as one likes. Its log is kept."""

    def __init__(self, name: str, host: str, under: Sequence[str], log: Path, command: Sequence[str]) -> None:
        self.name, self.host, self.under, self.command = name, host, under, list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Program {self.name} at {self.host}>"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        with self._log.open("ab") as log:
            environ = {**os.environ, "PYTHONPATH": str(ROOT), "ETCDCTL_API": "3"}
            self._process = subprocess.Popen(
                [*self.under, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                cwd=ROOT,
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """As an upgrade does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONG_S)

    def pause(self) -> None:
        pause(self.process.pid)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def words(self) -> str:
        """The end of its log."""
        return f"--- {self.name}\n{self._log.read_text(errors='replace')[-1500:]}"


class Country:
    """`options` are further flags of etcd's members."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        for part in PARTS:
            require(part)
        self.folder = folder
        self.network = Network()
        self.options = list(options)
        self.etcd: list[Program] = []
        self.replicas: list[Program] = []
        self._stack = contextlib.ExitStack()
        self.client: Sequence[str] = ()
        self.generation = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self.network)
        self.client = self.network.host("10.3.1.2")
        self.etcd = [self._program(f"etcd-{n}", f"10.1.{n}.2") for n in (1, 2, 3)]
        self.replicas = [self._program(f"replica-{n}", f"10.2.{n}.2") for n in (1, 2, 3)]
        store = f"etcd://{','.join(member.host for member in self.etcd)}/{PREFIX}"
        for replica in self.replicas:
            listen = ("--listen", f"{replica.host}:8500", "--insecure", "--log-format", "json")
            replica.command += [sys.executable, "-m", "muster", "serve", *listen, "--store", store]
        self.found_etcd()
        for program in (*self.etcd, *self.replicas):
            program.start()
        self.well()
        return self

    def __exit__(self, *_: object) -> None:
        for program in (*self.replicas, *self.etcd):
            program.kill()
        self._stack.close()

    def _program(self, name: str, host: str) -> Program:
        return Program(name, host, self.network.host(host), self.folder / f"{name}.log", [])

    # --- Etcd -------------------------------------------------------------------------------------------------------

    def found_etcd(self) -> None:
        """The next start of each member is of a cluster whose data is in the folders of this generation."""
        for member in self.etcd:
            client, peer = f"http://{member.host}:2379", f"http://{member.host}:2380"
            member.command = [
                *(require("etcd"), "--name", member.name, "--data-dir", str(self.data(member))),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", self.initial, "--initial-cluster-token", TOKEN),
                *("--heartbeat-interval", "50", "--election-timeout", "500", "--log-level", "warn"),
                *self.options,
            ]

    @property
    def initial(self) -> str:
        return ",".join(f"{member.name}=http://{member.host}:2380" for member in self.etcd)

    def data(self, member: Program) -> Path:
        return self.folder / f"{member.name}-data-{self.generation}"

    def ctl(self, *arguments: str, at: Program | None = None, check: bool = True) -> str:
        """`etcdctl`, against one member or all of them."""
        endpoints = ",".join(f"{each.host}:2379" for each in ([at] if at else self.etcd))
        command = [*self.client, require("etcdctl"), "--endpoints", endpoints, *arguments]
        environ = {**os.environ, "ETCDCTL_API": "3"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, env=environ)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def leader(self) -> Program:
        found: list[Program] = []

        def looked() -> bool:
            for member in self.etcd:
                said = self.ctl("endpoint", "status", "--write-out=json", at=member, check=False)
                for each in msgspec.json.decode(said.encode() or b"[]"):
                    status = each["Status"]
                    if status.get("leader") == status["header"]["member_id"]:
                        found.append(member)
            return bool(found)

        self.until(looked)
        return found[-1]

    # --- Replicas ---------------------------------------------------------------------------------------------------

    def ask(self, replica: Program, path: str) -> Any:
        """The body of an answer, None for none."""
        command = [*self.client, require("curl"), "-s", "-m", "2", f"http://{replica.host}:8500/v1{path}"]
        done = subprocess.run(command, capture_output=True, timeout=LONG_S)
        return msgspec.json.decode(done.stdout) if done.returncode == 0 and done.stdout else None

    def members(self, replica: Program) -> int:
        said = self.ask(replica, "/replicas")
        return len(said["replicas"]) if said and "replicas" in said else 0

    def well(self) -> None:
        """Every replica knows of all three, and is in touch with etcd."""
        self.until(lambda: all(self._is_well(replica) for replica in self.replicas))

    def _is_well(self, replica: Program) -> bool:
        said = self.ask(replica, "/replicas")
        replicas = said.get("replicas", []) if said else []
        return len(replicas) == len(self.replicas) and not any(each["problem"] for each in replicas)

    # --- The load ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def load(self, *, rate: float, watchers: int, services: int) -> Iterator[Callable[[], list[Note]]]:
        """What it has written down so far, or all of it after the block."""
        notes = self.folder / "notes"
        flags = [f"--replica={replica.host}" for replica in self.replicas]
        flags += [f"--rate={rate}", f"--watchers={watchers}", f"--services={services}"]
        with (self.folder / "load.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.client, sys.executable, "-m", "tests.cuts.load", str(notes), *flags],
                stdin=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        assert process.stdin is not None
        try:
            self.until(lambda: notes.exists() and any(isinstance(note, Ready) for note in read(notes)))
            yield lambda: list(read(notes))
            process.stdin.close()
            assert process.wait(END_S) == 0, (self.folder / "load.log").read_text()[-3000:]
        finally:
            process.kill()
            process.wait()

    # --- Waiting ----------------------------------------------------------------------------------------------------

    def until(self, true: Callable[[], object], within: float = LONG_S) -> float:
        """Seconds until it is."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() < began + within, self.words()
            threading.Event().wait(LOOK_EVERY_S)
        return time.monotonic() - began

    def words(self) -> str:
        return "\n".join(program.words() for program in (*self.etcd, *self.replicas))


def pass_(seconds: float) -> None:
    """Let the fault last, which is what is waited for."""
    threading.Event().wait(seconds)
