"""Members of a crew as processes of their own: locks belong to processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from muster.integrations.crew import Crew

crew = Crew.meeting(Path(sys.argv[1]), "web")
for line in sys.stdin:
    told = getattr(crew, line.strip())
    print(told() if callable(told) else told, flush=True)
"""


class Member:
    """Does what it is asked, and says what came of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, what: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(what, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def member(directory: Path) -> Iterator[Member]:
    command = [sys.executable, "-c", PROGRAM, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Member(process)
        finally:
            process.kill()
