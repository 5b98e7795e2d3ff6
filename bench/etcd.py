"""An etcd of one member, on the server's core, and what it counts."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cores
from bench.process import Program, program, until_ready
from bench.registry import free_port
from muster.registry.store import Loaded
from muster.storage.etcd.client import Client
from muster.storage.etcd.filling import fill
from muster.storage.etcd.location import parse


class Etcd:
    """A running etcd."""

    def __init__(self, running: Program, port: int) -> None:
        self.running, self.port = running, port

    def store(self, prefix: str) -> str:
        return f"etcd://127.0.0.1:{self.port}/{prefix}"

    def revision(self) -> int:
        """It counts its transactions."""
        command = ["etcdctl", f"--endpoints=127.0.0.1:{self.port}", "get", "nothing", "--write-out=json"]
        said = subprocess.run(
            command, check=True, capture_output=True, env={"ETCDCTL_API": "3", "PATH": PATH}
        )
        return int(json.loads(said.stdout)["header"]["revision"])

    def fill(self, prefix: str, loaded: Loaded) -> None:
        """Records below a prefix where nothing is yet."""

        async def filling() -> None:
            client = Client(parse(self.store(prefix)))
            await fill(client, prefix, loaded, replace=False)
            await client.close()

        asyncio.run(filling())

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """By SIGSTOP: connections stay open, and nothing is answered."""
        self.running.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running.process.send_signal(signal.SIGCONT)


PATH = "/usr/local/bin:/usr/bin:/bin"


@contextmanager
def running_etcd(placed: Callable[..., list[str]] = cores.on_server) -> Iterator[Etcd]:
    port, peer = free_port(), free_port()
    client, other = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    with TemporaryDirectory(prefix="muster-bench-etcd-") as directory:
        command = [
            *(
                "etcd",
                "--data-dir",
                directory,
                "--initial-cluster",
                f"default={other}",
                "--log-level",
                "error",
            ),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", other, "--initial-advertise-peer-urls", other),
        ]
        with program(placed(*command), stderr=Path("/dev/null").open("wb")) as running:
            until_ready(f"{client}/health", running.process)
            yield Etcd(running, port)
