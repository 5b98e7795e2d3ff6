"""A real etcd of one's own: on loopback, on ports the kernel chose, its data in a folder of the test, ended by its pid."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.parts import require

START_S = 20.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago."""
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in with_sockets]
    for each in with_sockets:
        each.close()
    return ports


class Etcd:
    """One member. `start` may be called again after `kill`: the data stays."""

    def __init__(
        self, folder: Path, name: str, port: int, peer: int, cluster: str, options: Sequence[str] = ()
    ) -> None:
        self.folder, self.name, self.port = folder, name, port
        self._peer, self._cluster, self._options = peer, cluster, tuple(options)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> "Etcd":
        client, peer = f"http://{self.target}", f"http://127.0.0.1:{self._peer}"
        log = (self.folder / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [
                require("etcd"),
                *("--name", self.name, "--data-dir", str(self.folder / self.name)),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", self._cluster, "--log-level", "warn"),
                *("--heartbeat-interval", "50", "--election-timeout", "500"),
                # A test's data need not survive a power cut, and the disk of a test machine is shared.
                *self._options,
            ],
            stdout=log,
            stderr=log,
        )
        log.close()
        return self

    def wait(self) -> "Etcd":
        """Return once it has a leader and answers."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.process
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{self.target}/health", timeout=2) as answer:
                    if b"true" in answer.read():
                        return self
            except (urllib.error.URLError, OSError):
                pass
            threading.Event().wait(0.05)
        raise AssertionError((self.folder / f"{self.name}.log").read_text()[-2000:])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def ctl(self, *arguments: str) -> str:
        """`etcdctl` against this member."""
        done = subprocess.run(
            [require("etcdctl"), "--endpoints", self.target, *arguments],
            env={**os.environ, "ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout


class Cluster:
    """`size` members."""

    def __init__(self, folder: Path, size: int = 1, options: Sequence[str] = ()) -> None:
        require("etcd")
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 * size)
        names = [f"etcd-{n}" for n in range(size)]
        cluster = ",".join(
            f"{name}=http://127.0.0.1:{peer}" for name, peer in zip(names, ports[size:], strict=True)
        )
        self.members = [
            Etcd(folder, name, port, peer, cluster, options)
            for name, port, peer in zip(names, ports[:size], ports[size:], strict=True)
        ]

    def start(self) -> "Cluster":
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait()
        return self

    @property
    def url(self) -> str:
        return "etcd://" + ",".join(member.target for member in self.members)

    def stop(self) -> None:
        for member in self.members:
            member.kill()
