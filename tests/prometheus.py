"""A real Prometheus for tests: configured from a file, asked what it scrapes."""

from __future__ import annotations

import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
import yaml
from tests.parts import require

PATIENCE_S = 60.0
LOOKS_S = 0.1


class Prometheus:
    """`configuration` is that of prometheus.yml, as plain values. An entered one runs until it is left."""

    def __init__(self, directory: Path, configuration: object) -> None:
        self._directory = directory
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def __enter__(self) -> Self:
        file, port = self._directory / "prometheus.yml", free_port()
        file.write_text(yaml.safe_dump(self._configuration))
        self._url = f"http://127.0.0.1:{port}"
        with (self._directory / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    require("prometheus"),
                    f"--config.file={file}",
                    f"--storage.tsdb.path={self._directory / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )
        self.until(self._ready)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it. Prometheus works by its own clock and tells nobody, so it is asked again and again."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / LOOKS_S)):
            if condition():
                return
            pause.wait(LOOKS_S)
        raise TimeoutError((self._directory / "prometheus.log").read_text()[-4000:])

    def targets(self) -> dict[str, dict[str, Any]]:
        """scraped URL -> everything about that target."""
        return {target["scrapeUrl"]: target for target in self._ask("/targets")["activeTargets"]}

    def scraped(self) -> set[str]:
        """URLs whose last scrape went well."""
        return {url for url, target in self.targets().items() if target["health"] == "up"}

    def query(self, expression: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self._ask(f"/query?{urlencode({'query': expression})}")["result"]
        return result

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise ChildProcessError((self._directory / "prometheus.log").read_text())
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/api/v1{path}", timeout=10) as answer:
            return msgspec.json.decode(answer.read())["data"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
