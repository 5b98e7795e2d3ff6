"""One process of the demo: started, heard, and ended by its id."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Hear = Callable[[str, bytes], None]


@contextmanager
def undisturbed() -> Iterator[None]:
    """A ^C waits until the block is over: a process must not be started and forgotten, nor the end be left half done."""
    asked: list[int] = []
    before = {each: signal.signal(each, lambda number, _: asked.append(number)) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if asked:
        raise KeyboardInterrupt


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
        """Harmless to one that is gone."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        self._popen.kill()

    def end_by(self, deadline: float) -> None:
        """Wait until then, at most; `deadline` in monotonic seconds."""
        try:
            self._popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill()
            self._popen.wait()

    def wait(self, within: float) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._popen.wait(within)
        self._reader.join(1)
        return code

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._hear(self.name, line)


def kill_greeter(pid: int) -> None:
    """It is not our child, so its id may be somebody else's by now: looked at first."""
    try:
        if b"demo.service" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # it is gone
