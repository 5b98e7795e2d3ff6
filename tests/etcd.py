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

from msgspec import Struct
from tests.certificates import Pair
from tests.parts import require
from tests.processes import pause

START_S = 20.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago."""
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in with_sockets]
    for each in with_sockets:
        each.close()
    return ports


class Secure(Struct, frozen=True):
    """TLS for clients. `ca` signed `pair`; with `asks_clients`, clients show a certificate of it too."""

    ca: Path
    pair: Pair
    asks_clients: bool = False

    def options(self) -> list[str]:
        own = ["--cert-file", str(self.pair.cert), "--key-file", str(self.pair.key)]
        return [*own, "--client-cert-auth", "--trusted-ca-file", str(self.ca)] if self.asks_clients else own


class Etcd:
    """One member. `start` may be called again after `kill`: the data stays. Its health is told in plain HTTP, at a port of its own."""

    def __init__(
        self,
        folder: Path,
        name: str,
        ports: tuple[int, int, int],
        cluster: str,
        options: Sequence[str] = (),
        secure: Secure | None = None,
    ) -> None:
        self.folder, self.name = folder, name
        self.port, self._peer, self._health = ports
        self._cluster, self._secure = cluster, secure
        self._options = [*options, *(secure.options() if secure else ())]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> "Etcd":
        client = f"{'https' if self._secure else 'http'}://{self.target}"
        peer = f"http://127.0.0.1:{self._peer}"
        log = (self.folder / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [
                require("etcd"),
                *("--name", self.name, "--data-dir", str(self.folder / self.name)),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-metrics-urls", f"http://127.0.0.1:{self._health}"),
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
                with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/health", timeout=2) as answer:
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
        assert self.process
        pause(self.process.pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def ctl(self, *arguments: str) -> str:
        """`etcdctl` against this member."""
        done = subprocess.run(
            [require("etcdctl"), "--endpoints", self.target, *self._trust(), *arguments],
            env={**os.environ, "ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    def _trust(self) -> list[str]:
        if self._secure is None:
            return []
        pair = self._secure.pair
        return ["--cacert", str(self._secure.ca), "--cert", str(pair.cert), "--key", str(pair.key)]


class Cluster:
    """`size` members."""

    def __init__(
        self, folder: Path, size: int = 1, options: Sequence[str] = (), secure: Secure | None = None
    ) -> None:
        require("etcd")
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(3 * size)
        mine = list(zip(ports[:size], ports[size : 2 * size], ports[2 * size :], strict=True))
        names = [f"etcd-{n}" for n in range(size)]
        cluster = ",".join(
            f"{name}=http://127.0.0.1:{peer}" for name, (_, peer, _) in zip(names, mine, strict=True)
        )
        self._secure = secure
        self.members = [
            Etcd(folder, name, each, cluster, options, secure) for name, each in zip(names, mine, strict=True)
        ]

    def start(self) -> "Cluster":
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait()
        return self

    @property
    def url(self) -> str:
        return ("etcds://" if self._secure else "etcd://") + ",".join(
            member.target for member in self.members
        )

    def stop(self) -> None:
        for member in self.members:
            member.kill()
