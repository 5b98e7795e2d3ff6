"""Servers under test as their users start them: a command each, with what it needs to be found."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.processes import family, told_of

APPS: Final = Path(__file__).parent / "apps"
END_S: Final = 60.0

_BIND: Final = "127.0.0.1:{port}"
ASGI, WSGI = "asgi:app", "wsgi:app"
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "uvicorn": ("uvicorn", ASGI, "--port", "{port}"),
    "uvicorn workers": ("uvicorn", ASGI, "--port", "{port}", "--workers", "2"),
    "gunicorn sync": ("gunicorn", WSGI, "--bind", _BIND, "--workers", "2"),
    "gunicorn threads": ("gunicorn", WSGI, "--bind", _BIND, "--threads", "4"),
    "gunicorn asgi": ("gunicorn", ASGI, "--bind", _BIND, "--workers", "2", "-k", "asgi"),
    "gunicorn preload": ("gunicorn", WSGI, "--bind", _BIND, "--workers", "2", "--preload"),
    "flask run": ("flask", "--app", "shop", "run", "--port", "{port}"),
    "granian": ("granian", ASGI, "--interface", "asgi", "--port", "{port}"),
    "hypercorn": ("hypercorn", ASGI, "--bind", _BIND),
}
MODULES: Final = {
    "uvicorn": "uvicorn",
    "gunicorn": "gunicorn",
    "granian": "granian",
    "hypercorn": "hypercorn",
}


def command(name: str, port: int, *options: str) -> list[str]:
    """By the script, as users do: gunicorn cannot replace itself if it was started as a module."""
    program, *arguments = COMMANDS[name]
    script = Path(sys.executable).parent / program
    return [str(script), *(each.format(port=port) for each in arguments), *options]


@contextlib.contextmanager
def running(command: list[str], log: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Started in the applications' directory; it and all its workers are ended at the latest with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=APPS,
            env={**os.environ, "PYTHONPATH": str(APPS), **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with told_of(process.pid, log):
            yield process
    finally:
        for pid in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(END_S)


def until(holds: Callable[[], object], seconds: float = END_S) -> None:
    """For what tells nobody when it happens: processes of others."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "still not so"
        threading.Event().wait(0.05)
