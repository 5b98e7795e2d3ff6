"""HAProxy 2.6 takes its servers from SRV records, and follows a scale-up, a drain and a kill without a failed request.

What it offers for the second between a server's end and the next answer is used, and is no more than our how-to page says: three
retries, on another server, also of requests whose answer never came (`retry-on`), which is right for those that may be repeated.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.nameserver.interop.running import free_port, program, registry, until
from tests.parts import require
from tests.source import ROOT

from muster.testing.server import LocalRegistry

CONFIG = """
global
    maxconn 200
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
resolvers muster
    nameserver muster {transport}{dns}
    accepted_payload_size 1232
    timeout resolve 200ms
    timeout retry 200ms
    hold valid 1s
    hold obsolete 0s
frontend front
    bind 127.0.0.1:{port}
    default_backend web
backend web
    balance roundrobin
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response response-timeout
    server-template web 10 _http._tcp.web.default.svc.muster.internal resolvers muster init-addr none
"""
CALLERS = 2


class Callers:
    """Ask through the proxy, again and again. `answered` counts answers by server since it was last cleared."""

    def __init__(self, url: str) -> None:
        self.answered = Counter[str]()
        self.failed: list[str] = []
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def _call(self) -> None:
        while not self._over.wait(0.002):
            try:
                with urllib.request.urlopen(self._url, timeout=10) as answer:
                    self.answered[answer.read().decode().split()[-1]] += 1
            except OSError as error:
                self.failed.append(str(error))

    def served_by(self, *names: str) -> None:
        """Wait until these, and nobody else, have answered for a while."""

        def steady() -> bool:
            self.answered.clear()
            until(lambda: self.answered.total() >= 20)
            return set(self.answered) == set(names)

        until(steady)

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def haproxy(registry: LocalRegistry, directory: Path, transport: str) -> Iterator[Callers]:
    file, port, log = directory / "haproxy.cfg", free_port(), directory / "haproxy.log"
    file.write_text(CONFIG.format(dns=registry.dns, port=port, transport=transport))
    url = f"http://127.0.0.1:{port}/"
    with program([require("haproxy"), "-db", "-f", str(file)], log):
        until(lambda: urllib.request.urlopen(url, timeout=5).status == 200, log)
        with Callers(url) as callers:
            yield callers


@contextlib.contextmanager
def instances(registry: LocalRegistry) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield started
    finally:
        for process in started.values():
            if process.poll() is None:
                process.terminate()
                process.wait(60)


def start(registry: LocalRegistry, name: str) -> subprocess.Popen[bytes]:
    """A program that knows nothing of us, wrapped."""
    port = free_port()
    wrapper = [
        "-m",
        "muster",
        "run",
        "--service",
        "web",
        "--id",
        name,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    what = ["--protocol", "http", "--check", "http:/", "--check-interval", "1s"]
    served = ["--", sys.executable, "-m", "demo.service", name]
    environ = os.environ | {"MUSTER_URL": registry.url, "PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, *wrapper, *what, *served],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def crash(wrapper: subprocess.Popen[bytes]) -> None:
    """Both at once, as when a machine runs out of memory."""
    children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children").read_text().split()
    for pid in (wrapper.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("transport", ["", "tcp@"])
def test_haproxy_follows_and_no_request_fails(transport: str, tmp_path: Path) -> None:
    require("haproxy")
    with registry() as names, instances(names) as running:
        for name in ("web-1", "web-2"):
            running[name] = start(names, name)
        with haproxy(names, tmp_path, transport) as callers:
            callers.served_by("web-1", "web-2")
            for name in ("web-3", "web-4"):
                running[name] = start(names, name)
            callers.served_by("web-1", "web-2", "web-3", "web-4")
            running["web-1"].terminate()
            callers.served_by("web-2", "web-3", "web-4")
            crash(running["web-2"])
            callers.served_by("web-3", "web-4")
    assert callers.failed == []
