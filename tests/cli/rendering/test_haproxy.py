"""HAProxy whose backends are rendered: reloaded under load, with HAProxy's own retries for one that crashes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.rendering.running import PATIENCE_S, Load, render, wait_for
from tests.cli.rendering.test_nginx import replaced, started
from tests.httpapi.asking import Caller
from tests.parts import require
from tests.prometheus import free_port
from tests.source import ROOT

from muster.testing.server import LocalRegistry

TEMPLATE = ROOT / "deploy" / "templates" / "haproxy-backends.cfg.j2"
CONFIGURATION = """\
global
    stats socket {directory}/haproxy.sock mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend all
    bind 127.0.0.1:{port}
    default_backend web
"""


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


def test_a_rollout_behind_haproxy_fails_no_request(registry: LocalRegistry, tmp_path: Path) -> None:
    haproxy, port = require("haproxy"), free_port()
    config, out, pid = tmp_path / "haproxy.cfg", tmp_path / "backends.cfg", tmp_path / "pid"
    config.write_text(CONFIGURATION.format(directory=tmp_path, port=port))
    reload = f"sh -c 'kill -USR2 $(cat {pid})'"
    with Caller(registry.host, registry.port) as caller:
        old = [started(caller, f"old-{n}") for n in range(3)]
        options = ("--service", "web", "--debounce", "50ms")
        with render(registry.url, TEMPLATE, out, *options) as process:
            process.said("written")
        with (tmp_path / "haproxy.log").open("wb") as log:
            server = subprocess.Popen(
                [haproxy, "-W", "-f", config, "-f", out], stdout=log, stderr=log, start_new_session=True
            )
        pid.write_text(str(server.pid))
        try:
            wait_for(port)
            with render(registry.url, TEMPLATE, out, *options, "--exec", reload), Load(port) as load:
                load.only("old-0", "old-1", "old-2")
                new = [replaced(caller, load, each, f"new-{n}") for n, each in enumerate(old)]
                load.only("new-0", "new-1", "new-2")
                new[0].stop()
                caller.deregister("new-0")
                load.only("new-1", "new-2")
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # whole: a master that is just reloading misses a SIGTERM
            server.wait(PATIENCE_S)
    print(f"{load.answered.total()} requests, {len(load.failures)} failed")
    assert load.failures == []
    for each in new[1:]:
        each.stop()
