"""A real registry in a process of its own, for tests of what ends, stops or starves processes.

    with RegistryProcess(tmp_path) as registry:
        registry.kill()
        registry.start()

Its log is read all the time and kept (`lines`); `wait_for` waits for a line of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

START_S = 30.0
END_S = 30.0
LINES_KEPT = 10_000

Line = dict[str, Any]


class RegistryProcess:
    """`muster serve` over the directory `data`. The first start lets the kernel choose the port; later ones take the same.

    `options` are further flags, `environ` further variables, `wrapper` a command to run it under.
    """

    def __init__(
        self,
        data: Path,
        *options: str,
        environ: Mapping[str, str] = {},
        wrapper: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._data = data
        self._options = options
        self._environ = environ
        self._wrapper = wrapper
        self._pass_fds = pass_fds
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._news = threading.Condition()
        self.lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self.url = ""
        self.port = 0

    def __repr__(self) -> str:
        return f"<RegistryProcess {self.url or 'not started'}>"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Returns when it serves. Raises `RuntimeError` with its last words if it does not."""
        command = [*self._wrapper, sys.executable, "-m", "muster", "serve", "--log-format", "json"]
        command += ["--listen", f"127.0.0.1:{self.port}", "--data", str(self._data), *self._options]
        self.lines.clear()
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._environ},
            pass_fds=self._pass_fds,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=[self._process], daemon=True)
        self._reader.start()
        self.url = self.wait_for(lambda line: line.get("event") == "serving")["url"]
        self.port = int(self.url.rpartition(":")[2])

    def wait_for(self, wanted: Callable[[Line], object], timeout: float = START_S) -> Line:
        """The first line of the log that is wanted."""
        found: list[Line] = []

        def over() -> bool:
            found.extend(line for line in self.lines if wanted(line))
            return bool(found) or not self._reading()

        with self._news:
            if not self._news.wait_for(over, timeout) or not found:
                raise RuntimeError(f"it never said so: {list(self.lines)[-5:]}")
        return found[0]

    def _reading(self) -> bool:
        return self._reader is not None and self._reader.is_alive()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for text in process.stderr:
                with self._news:
                    self.lines.append(_line(text))
                    self._news.notify_all()
        with self._news:
            self._reader = None
            self._news.notify_all()

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "not started"
        return self._process

    def signal(self, number: int) -> None:
        self._running().send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no last words."""
        self.signal(signal.SIGKILL)
        self.end()

    def stop(self) -> int:
        """SIGTERM, and its exit status after a graceful stop."""
        self.signal(signal.SIGTERM)
        return self.end()

    def end(self, timeout: float = END_S) -> int:
        """Its exit status, once it has ended by itself."""
        return self._running().wait(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if (reader := self._reader) is not None:
            reader.join(END_S)


def _line(text: str) -> Line:
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.MsgspecError:
        return {"event": text.rstrip("\n")}
