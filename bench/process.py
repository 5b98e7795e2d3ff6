"""A program under measurement: started, watched in /proc, ended by the one who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

READY_S = 60.0
STOP_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Program:
    """`cpu` and `memory` are of the process itself, its threads included, its children not."""

    def __init__(self, process: subprocess.Popen[bytes], pid: int) -> None:
        self.process = process
        self.pid = pid

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
        return int(kilobytes) / 1024

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_S)


@contextmanager
def program(command: Sequence[str], **options: object) -> Iterator[Program]:
    """Run `command` until the block ends; SIGTERM then, and SIGKILL if it does not listen."""
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    try:
        yield Program(process, process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until_ready(url: str, process: subprocess.Popen[bytes]) -> float:
    """Wait until `url` answers 2xx. The moment it did (monotonic, s)."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it was ready")
        try:
            with urlopen(url, timeout=1):
                return time.monotonic()
        except (URLError, OSError):
            time.sleep(0.002)
    raise TimeoutError(f"{url} was not ready within {READY_S:g} s")
