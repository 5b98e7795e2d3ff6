"""SIGTERM, held back: in processes of their own, because handlers are a process's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAM = """
import os, signal, sys, threading
from muster.integrations.sigterm import HeldBack

work = threading.Event()

def handler(signum, frame):
    print("term", flush=True)
    sys.exit(3)

def drain():
    print("draining", flush=True)
    {work}

{before}
HeldBack(drain)
print("ready", flush=True)
{then}
while True:  # pause() would miss what comes just before it
    threading.Event().wait(0.05)
"""


@contextmanager
def program(*, work: str = "pass", before: str = "", then: str = "") -> Iterator[subprocess.Popen[str]]:
    source = PROGRAM.format(work=work, before=before, then=then)
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert line(process) == "ready"
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


OWN = "signal.signal(signal.SIGTERM, handler)"


def test_the_work_is_done_then_the_handler_has_its_turn() -> None:
    with program(before=OWN) as process:
        process.terminate()
        assert [line(process), line(process)] == ["draining", "term"]
        assert process.wait(10) == 3


def test_without_a_handler_the_process_ends_by_the_signal() -> None:
    with program() as process:
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
        assert line(process) == "draining"


def test_what_was_ignored_stays_ignored() -> None:
    with program(before="signal.signal(signal.SIGTERM, signal.SIG_IGN)") as process:
        process.terminate()
        assert line(process) == "draining"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT


def test_work_that_fails_holds_nothing_up() -> None:
    with program(work="raise OSError", before=OWN) as process:
        process.terminate()
        assert process.wait(10) == 3


def test_who_asks_again_is_heard_at_once() -> None:
    with program(work="work.wait()", before=OWN) as process:
        process.terminate()
        assert line(process) == "draining"
        while process.poll() is None:
            process.terminate()
            try:
                process.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        assert process.returncode == 3


def test_a_forked_child_ends_as_if_there_were_nothing() -> None:
    # It says itself who it is: Python drops what a child is sent before its interpreter is itself again (PyOS_AfterFork_Child).
    forked = "os.fork() or print(os.getpid(), flush=True)"
    with program(work="work.wait()", then=forked) as process:
        os.kill(int(line(process)), signal.SIGTERM)
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == "", "the child ended, and drained nothing"
