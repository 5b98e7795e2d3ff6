"""A real registry in a process of its own, on a port that the kernel chose."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec


class Serving:
    """`muster serve`, from its first line on. `url` is what it said; `dns` where its names are, "" for nowhere."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        said = self._said("serving")
        self.url, self.dns = said["url"], said.get("dns", "")

    def _said(self, event: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            told: dict[str, Any] = msgspec.json.decode(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"it ended without {event!r}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, _ = self.process.communicate(timeout=30)
        return self.process.returncode


@contextlib.contextmanager
def serving(data: Path, *flags: str, port: int = 0) -> Iterator[Serving]:
    command = [sys.executable, "-m", "muster", "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    process = subprocess.Popen(
        [*command, "--log-format", "json", *flags], stderr=subprocess.PIPE, text=True, env=environ
    )
    try:
        yield Serving(process)
    finally:
        process.kill()
        process.communicate()
