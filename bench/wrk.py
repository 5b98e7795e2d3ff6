"""wrk as the load: one thread on the load's core, keep-alive, as fast as the server answers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from bench import cores
from bench.process import Program

CONNECTIONS = 64
REPORT = """
function done(summary, latency, requests)
    io.write(string.format("\\nREPORT %d %d %d %f\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write, latency:percentile(99)))
end
"""


class Load(Struct, frozen=True):
    """What one run of wrk saw. `cost` is the server's own processor time for one request (us)."""

    rate: float
    errors: int
    p99_ms: float
    cost: float


def missing() -> bool:
    return shutil.which("wrk") is None


def wrk(
    server: Program, port: int, path: str, *, seconds: float, script: str = "", connections: int = CONNECTIONS
) -> Load:
    """Load `path` for `seconds`; `script` is Lua that makes the requests."""
    with TemporaryDirectory(prefix="muster-bench-wrk-") as directory:
        lua = Path(directory) / "load.lua"
        lua.write_text(script + REPORT)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(lua)]
        before = server.cpu()
        done = subprocess.run(
            cores.on_load(*command, f"http://127.0.0.1:{port}{path}"), check=True, stdout=subprocess.PIPE
        )
        used = server.cpu() - before
    return _read(done.stdout.decode(), used)


def _read(output: str, used: float) -> Load:
    found = re.search(r"REPORT (\d+) (\d+) (\d+) ([\d.]+)", output)
    assert found, output
    requests, micros, errors, p99_us = (float(number) for number in found.groups())
    return Load(requests / (micros / 1e6), int(errors), p99_us / 1e3, used / requests * 1e6)
