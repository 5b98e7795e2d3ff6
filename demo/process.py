"""One process of the demo: started, heard, and ended by its id."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Hear = Callable[[str, bytes], None]


class Process:
    """What it writes goes to `hear`, line by line. It has a session of its own: a ^C is ours alone, and we end it in order."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], hear: Hear) -> None:
        self.name = name
        self._hear = hear
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"hear-{name}", daemon=True)
        self._reader.start()

    def __repr__(self) -> str:
        return f"<Process {self.name} {self.pid}>"

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Harmless to one that is gone."""
        self._popen.kill()

    def wait(self, within: float) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._popen.wait(within)
        self._reader.join(1)
        return code

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._hear(self.name, line)


def kill_quietly(pid: int) -> None:
    """A process that is not our child; it may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
