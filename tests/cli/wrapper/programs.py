"""Wrapped programs as tests see them: started, read line by line, signalled, and always ended."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
SERVER = (sys.executable, str(HERE / "slow_server.py"))
"""Says `ready`; answers every line `n` after n seconds; on TERM says `term` and ends with 0 once its answers are out."""


def free_port() -> int:
    """Nobody listens there, and no connection begins there: below the ports that the kernel gives to connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Wrapped:
    """A wrapper process. `expect` reads its lines, the program's and the wrapper's, until one is there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def expect(self, wanted: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if wanted in line:
                return line.strip()
        raise AssertionError(f"{wanted!r} never came: {self.lines}")

    def signal(self, signum: int) -> None:
        self.process.send_signal(signum)

    def signal_child(self, signum: int) -> None:
        """To its one child, which `unshare` made process 1 of a namespace."""
        pid = self.process.pid
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        os.kill(int(child), signum)

    def end(self) -> int:
        """Its exit code, after all it had to say."""
        assert self.process.stdout is not None
        self.lines += [line.strip() for line in self.process.stdout]
        return self.process.wait(timeout=30)


def hearing() -> None:
    """Whoever runs the tests may ignore hang-ups, as `nohup` does; what is started here does not."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def started(*command: str, **environ: str) -> Iterator[Wrapped]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environ},
        start_new_session=True,
        preexec_fn=hearing,  # noqa: PLW1509 - takes no lock
    )
    try:
        yield Wrapped(process)
    finally:
        end(process)
        assert process.stdout is not None
        process.stdout.close()


def end(process: subprocess.Popen[str]) -> None:
    """End a wrapper and whatever it wraps: it never kills its program, so whoever kills it must."""
    programs = children(process.pid)
    process.send_signal(signal.SIGCONT)
    for patience in (
        0.5,
        5.0,
    ):  # the second request, if it is not taken for an echo, hands the signal on at once
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
    process.kill()
    process.wait()
    for pid in programs:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Of a process that may be gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def alone(*command: str, port: int = 0, answer: str = "told") -> tuple[str, ...]:
    """The command line of a wrapper without a registry. Port 0: nothing to wait for."""
    return (sys.executable, str(HERE / "alone.py"), str(port), answer, "--", *command)
