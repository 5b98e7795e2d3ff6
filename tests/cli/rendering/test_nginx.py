"""nginx whose upstreams are rendered: reloaded under load, while instances come, drain and go. Nobody notices."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.rendering.running import PATIENCE_S, Answering, Load, render, wait_for
from tests.httpapi.asking import Caller
from tests.parts import require
from tests.processes import told_of
from tests.prometheus import free_port
from tests.source import ROOT

from muster.testing.server import LocalRegistry

TEMPLATE = ROOT / "deploy" / "templates" / "nginx-upstreams.conf.j2"
CONFIGURATION = """\
daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log notice; worker_processes 2;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    include {directory}/upstreams.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://web; proxy_next_upstream error timeout; proxy_connect_timeout 1s; }}
    }}
}}
"""


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    with LocalRegistry() as registry:
        yield registry


def test_a_rollout_behind_nginx_fails_no_request(registry: LocalRegistry, tmp_path: Path) -> None:
    nginx, port = require("nginx"), free_port()
    config, out = tmp_path / "nginx.conf", tmp_path / "upstreams.conf"
    config.write_text(CONFIGURATION.format(directory=tmp_path, port=port))
    reload = f"{nginx} -p {tmp_path} -c {config} -s reload"
    with Caller(registry.host, registry.port) as caller:
        old = [started(caller, f"old-{n}") for n in range(3)]
        options = ("--service", "web", "--debounce", "50ms")
        with render(registry.url, TEMPLATE, out, *options) as process:
            process.said("written")
        server = subprocess.Popen([nginx, "-p", tmp_path, "-c", config])
        try:
            wait_for(port)
            with (
                render(registry.url, TEMPLATE, out, *options, "--exec", reload),
                Load(port) as load,
                told_of(server.pid, tmp_path / "nginx.log", out),
            ):
                load.only("old-0", "old-1", "old-2")
                new = [replaced(caller, load, each, f"new-{n}") for n, each in enumerate(old)]
                load.only("new-0", "new-1", "new-2")
                new[0].stop()  # it crashes: nginx asks another until it is told
                caller.deregister("new-0")
                load.only("new-1", "new-2")
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(PATIENCE_S)
    print(f"{load.answered.total()} requests, {len(load.failures)} failed")
    assert load.failures == []
    for each in new[1:]:
        each.stop()


def started(caller: Caller, name: str) -> Answering:
    backend = Answering(name)
    # Static: nobody sends heartbeats for it, and a busy machine takes longer than a lease.
    caller.register("web", name, port=backend.server_port, static=True, metadata={"evil": '"; } #'})
    return backend


def replaced(caller: Caller, load: Load, old: Answering, name: str) -> Answering:
    """As a rollout does it: the new one comes, the old one drains, and ends when nobody calls it any more."""
    new = started(caller, name)
    load.until(lambda: name in load.answered)
    caller.ask("POST", f"/v1/instances/{old.name}/drain?wait=0s")
    for _ in range(100):
        before = load.answered[old.name]
        load.more(100)
        if load.answered[old.name] == before:
            break
    old.stop()
    caller.deregister(old.name)
    return new
