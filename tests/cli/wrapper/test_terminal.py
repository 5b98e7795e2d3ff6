"""The wrapper in a terminal's foreground: ^C waits for the drain, ^Z stops both, and the program can still read."""

import contextlib
import os
import pty
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.cli.wrapper.programs import SERVER, alone, children, free_port


class Terminal:
    """What runs in it is process `pid`; `expect` reads what it shows."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def expect(self, wanted: str) -> None:
        while wanted not in self.shown:
            self.shown += os.read(self._fd, 4096).decode()

    def rest(self) -> list[str]:
        """Everything that was shown, once it is over."""
        with contextlib.suppress(OSError):  # EIO: nobody holds the terminal any more
            while piece := os.read(self._fd, 4096):
                self.shown += piece.decode()
        return self.shown.split()


@contextlib.contextmanager
def terminal(*command: str, **environ: str) -> Iterator[Terminal]:
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, {**os.environ, **environ})
    try:
        yield Terminal(pid, fd)
    finally:
        programs = children(pid)
        for signum in (signal.SIGCONT, signal.SIGTERM):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
        os.close(fd)
        os.waitpid(pid, 0)
        for program in programs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(program, signal.SIGKILL)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def until_stopped(pid: int, *, stopped: bool) -> None:
    while (state(pid) == "T") != stopped:
        threading.Event().wait(0.01)


def test_an_interrupt_waits_for_the_drain() -> None:
    port = free_port()
    with terminal(*alone(*SERVER, port=port), PORT=str(port)) as screen:
        screen.expect("join")
        screen.type("\x03")
        assert [word.removeprefix("^C") for word in screen.rest()][-4:] == ["drain", "told", "int", "leave"]


def test_the_program_reads_what_is_typed() -> None:
    with terminal(*alone("sh", "-c", "read line; echo got $line")) as screen:
        screen.type("hello\n")
        screen.expect("got hello")


def test_a_stop_stops_both_and_both_go_on() -> None:
    script = "echo program=$$.; while :; do read -t 1 line; done"
    with terminal(*alone("bash", "-c", script)) as screen:
        screen.expect(".")
        program = int(screen.shown.partition("program=")[2].partition(".")[0])
        screen.type("\x1a")
        until_stopped(screen.pid, stopped=True)
        until_stopped(program, stopped=True)
        os.kill(screen.pid, signal.SIGCONT)
        until_stopped(program, stopped=False)
