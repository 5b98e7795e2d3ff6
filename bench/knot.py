"""Knot DNS as a yardstick: one UDP worker on the server's core, with the records of a service in a zone."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cores
from bench.names import answers_to, query
from bench.process import READY_S, Program, program
from bench.registry import HOST, free_port

CONFIG = """
server:
    rundir: "{directory}"
    listen: {host}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    answer-rotation: on
database:
    storage: "{directory}"
zone:
  - domain: consul
    storage: "{directory}"
    file: consul.zone
"""
HEAD = "$ORIGIN consul.\n$TTL 1\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\nns A 127.0.0.1\n"


def missing() -> bool:
    return _path() is None


def _path() -> str | None:
    return shutil.which("knotd") or shutil.which("knotd", path="/usr/sbin")


@contextmanager
def knot(records: Sequence[str]) -> Iterator[tuple[Program, int]]:
    """(the program, its port); `records` are lines of the zone `consul`, the first of them an A record."""
    path = _path()
    assert path is not None, "apt-get install knot"
    with TemporaryDirectory(prefix="muster-bench-knot-") as directory:
        port = free_port()
        config = Path(directory) / "knot.conf"
        config.write_text(CONFIG.format(directory=directory, host=HOST, port=port))
        (Path(directory) / "consul.zone").write_text(HEAD + "\n".join(records) + "\n")
        with (Path(directory) / "log").open("wb") as log:
            command = cores.on_server(path, "-c", str(config))
            with program(command, stdout=log, stderr=log) as running:
                _until_it_answers(port, f"{records[0].split()[0]}.consul")
                yield running, port


def _until_it_answers(port: int, name: str) -> None:
    deadline = time.monotonic() + READY_S
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((HOST, port))
        client.settimeout(0.1)
        while time.monotonic() < deadline:
            try:
                client.send(query(name))
                if answers_to(client.recv(2048)):
                    return
            except OSError:
                time.sleep(0.01)
    raise TimeoutError(f"Knot was not ready within {READY_S:g} s")
