"""A command line run in this process, and one that is run on a terminal."""

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from muster.cli import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def muster(capsys: pytest.CaptureFixture[str], *args: str) -> Ran:
    code = main(args)
    captured = capsys.readouterr()
    return Ran(code, captured.out, captured.err)


def in_shell(*args: str, **environ: str) -> Ran:
    """In a process of its own, with these variables."""
    command = [sys.executable, "-m", "muster", *args]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ}, timeout=30)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def on_terminal(args: Sequence[str], **environ: str) -> str:
    """What a terminal would have been sent."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "muster", *args]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environ}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env):
        os.close(theirs)
        sent = b""
        with contextlib.suppress(OSError):  # EIO: the last one to hold the terminal has closed it
            while piece := os.read(ours, 4096):
                sent += piece
    os.close(ours)
    return sent.decode()
