"""How long a registry's loop stands still, seen from outside: a request every 5 ms, each of which waits until the loop turns.

A process of its own, so that nothing the load does adds to it. `python -m bench.stopwatch PORT`: for each line on standard input it
prints the longest answer since the last one (ms).
"""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from bench import cores

EVERY_S = 0.005


class Stopwatch:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def lap(self) -> float:
        """The longest answer since the last lap (ms)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def stopwatch(port: int) -> Iterator[Stopwatch]:
    command = cores.on_load(sys.executable, "-m", "bench.stopwatch", str(port))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Stopwatch(process)
        finally:
            process.terminate()


def main(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    longest = 0.0
    while True:
        asked = time.perf_counter()
        connection.request("GET", "/livez")
        connection.getresponse().read()
        longest = max(longest, time.perf_counter() - asked)
        if select.select([sys.stdin], [], [], EVERY_S)[0]:
            if not sys.stdin.readline():
                return
            print(longest * 1e3, flush=True)
            longest = 0.0


if __name__ == "__main__":
    main(int(sys.argv[1]))
