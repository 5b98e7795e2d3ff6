"""dnsperf as the load: one thread on the load's core, four sockets, as fast as the server answers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cores
from bench.process import Program
from bench.wrk import Load

SOCKETS = 4
OUTSTANDING = 100


def missing() -> bool:
    return shutil.which("dnsperf") is None


def dnsperf(server: Program, port: int, question: str, *, seconds: float) -> Load:
    """Ask `question` ("web.service.consul SRV") with EDNS for `seconds`. Answers that are lost, or say no, are errors."""
    with TemporaryDirectory(prefix="muster-bench-dnsperf-") as directory:
        file = Path(directory) / "questions"
        file.write_text(question + "\n")
        how = ["-e", "-T1", f"-c{SOCKETS}", f"-q{OUTSTANDING}", f"-l{max(1, round(seconds))}"]
        command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(file), *how]
        before = server.cpu()
        done = subprocess.run(cores.on_load(*command), check=True, stdout=subprocess.PIPE)
        used = server.cpu() - before
    return _read(done.stdout.decode(), used)


def _read(output: str, used: float) -> Load:
    completed = int(_number(output, r"Queries completed:\s+(\d+)"))
    well = int(_number(output, r"NOERROR (\d+)"))
    lost = int(_number(output, r"Queries lost:\s+(\d+)"))
    rate = _number(output, r"Queries per second:\s+([\d.]+)")
    return Load(rate, completed - well + lost, 0.0, used / completed * 1e6)


def _number(output: str, pattern: str) -> float:
    found = re.search(pattern, output)
    assert found, output
    return float(found[1])
