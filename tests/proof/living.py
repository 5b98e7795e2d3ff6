"""A program that does to the library what programs do: threads, forks in the middle of it, callbacks that fail, and an end.

    python -m tests.proof.living URL CYCLES END

Prints, as JSON, how many descriptors and threads it had before and after so many cycles. END: `returns`, `raises`, `exits`,
`interrupted`, or `forgets` to close anything.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from muster.client import Discovery, Mirror, RegisterBody, Registrar

THREADS: Final = 3
FORKS: Final = 3
CALLS: Final = 5
SETTLE_S: Final = 5.0
WARM: Final = 2
"""Cycles after which everything is imported and every cache is there."""


class Telling(logging.Handler):
    """In one write, with no lock of a stream: those of `sys.stderr` are not renewed in a child, and whoever was forked while
    another thread logged would wait for that thread (https://docs.python.org/3/library/os.html#os.fork)."""

    def emit(self, record: logging.LogRecord) -> None:
        os.write(2, f"{self.format(record)}\n".encode())


class Failing(Exception):
    """On purpose."""


def fail(mirror: Mirror) -> None:
    raise Failing(mirror.service)


def described(name: str) -> RegisterBody:
    return RegisterBody(service="jobs", instance_id=name, host="127.0.0.1", port=9)


def calls(discovery: Discovery, count: int = CALLS) -> None:
    """With the standard library: OpenSSL, which others load even for plain HTTP, is not safe in children of threaded programs."""
    for _ in range(count):
        with discovery.call("web", idempotent=True) as call:
            endpoint = call.attempt().endpoint
            connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=30)
            with contextlib.closing(connection):
                connection.request("GET", "/")
                assert call.answered(connection.getresponse().status) is None


def child(url: str, discovery: Discovery, number: int) -> None:
    """Forked while threads were calling: calls by what it inherited, registers for itself, and ends as a program ends."""
    calls(discovery)
    with Registrar(url, described(f"child-{os.getpid()}")) as registrar:
        registrar.wait_registered()
        if number == 0:
            os.fork() or sys.exit()  # a child of its own, with all that it inherited twice
    sys.exit()


def cycle(url: str) -> None:
    """All of it once, and everything closed again."""
    with (
        Discovery(url, ["web", "jobs"]) as discovery,
        Registrar(url, described("parent")) as registrar,
    ):
        discovery.on_change(fail)
        discovery.wait_ready()
        registrar.wait_registered()
        calls(discovery, 1)  # what a call imports is there before the first fork
        threads = [threading.Thread(target=calls, args=[discovery, 4 * CALLS]) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for number in range(FORKS):
            if not (pid := os.fork()):
                child(url, discovery, number)
            _, status = os.waitpid(pid, 0)
            assert os.waitstatus_to_exitcode(status) == 0, status
        for thread in threads:
            thread.join()
        calls(discovery)
        assert registrar.status().state == "registered", registrar.status()


def counted() -> tuple[int, int]:
    """Descriptors and threads. The kernel counts a thread a little longer than whoever joined it."""
    deadline = time.monotonic() + SETTLE_S
    while (found := _counted())[1] > threading.active_count() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return found


def _counted() -> tuple[int, int]:
    return tuple(len(list(Path(f"/proc/self/{what}").iterdir())) for what in ("fd", "task"))  # type: ignore[return-value]


def end(url: str, how: str) -> None:
    """In the middle of everything."""
    discovery, registrar = Discovery(url, ["web"]), Registrar(url, described("last"))
    if how == "forgets":
        discovery.on_change(fail)
        discovery.wait_ready()
        return
    with discovery, registrar:
        discovery.on_change(fail)
        registrar.wait_registered()
        threading.Thread(target=calls, args=[discovery, 10**9], daemon=True).start()
        calls(discovery)
        if how == "raises":
            raise Failing
        if how == "exits":
            sys.exit(3)
        if how == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(30)


def main(url: str, cycles: str, how: str) -> None:
    logging.basicConfig(handlers=[Telling()], level=logging.WARNING)
    for _ in range(WARM):
        cycle(url)
    before = counted()
    for _ in range(int(cycles)):
        cycle(url)
    sys.stdout.buffer.write(msgspec.json.encode({"before": before, "after": counted()}) + b"\n")
    sys.stdout.flush()
    end(url, how)


if __name__ == "__main__":
    main(*sys.argv[1:])
