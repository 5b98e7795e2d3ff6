"""`muster render` as a process, and callers who load what it configures."""

from __future__ import annotations

import http.client
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.processes import told_of

PATIENCE_S = 30.0


class Render:
    """`lines` of its stderr, all of them so far, each after the seconds since it was started; the next one is waited for with `said`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._unread: queue.Queue[str] = queue.Queue()
        self._began = time.monotonic()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def said(self, part: str) -> str:
        """The next line with `part` in it."""
        while True:
            line = self._unread.get(timeout=PATIENCE_S)
            if part in line:
                return line

    def quiet(self) -> bool:
        return self._unread.empty()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(f"{time.monotonic() - self._began:7.3f} {line.rstrip()}")
            self._unread.put(self.lines[-1])


@contextmanager
def render(url: str, template: Path, out: Path, *options: str) -> Iterator[Render]:
    words = [
        sys.executable,
        "-m",
        "muster",
        "render",
        "--url",
        url,
        str(template),
        str(out),
        *options,
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    told = Render(process)
    try:
        with told_of(process.pid):
            yield told
    except BaseException as failure:
        failure.add_note("\n".join(told.lines))
        raise
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    """Until somebody listens there. Programs of others tell nobody when they begin, so they are asked again and again."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), PATIENCE_S):
            return
        pause.wait(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


class Answering(ThreadingHTTPServer):
    """A backend that says who it is."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Naming)
        self.name = name
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Naming(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Answering)
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class Load:
    """Calls `port` without pause, in a few threads, and counts who answered. Whatever is no answer of a backend is a failure."""

    def __init__(self, port: int, callers: int = 4) -> None:
        self._port = port
        self._stopped = threading.Event()
        self._news = threading.Condition()
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE_S), (self.answered, self.failures[:5])

    def more(self, count: int = 200) -> None:
        """Until so many further calls were answered."""
        wanted = self.answered.total() + count
        self.until(lambda: self.answered.total() >= wanted or bool(self.failures))

    def only(self, *names: str) -> None:
        """Until answers come from each of these, and from nobody else."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with self._news:
                before = self.answered.copy()
            self.more(100)
            if (self.answered - before).keys() == set(names):
                return
        raise AssertionError((names, self.answered, self.failures[:5]))

    def _call(self) -> None:
        while not self._stopped.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                told = answer.read().decode()
                self._note(told if answer.status == 200 else "", f"{answer.status} {told[:100]}")
            except (OSError, http.client.HTTPException) as error:
                self._note("", repr(error))
            finally:
                connection.close()

    def _note(self, name: str, failure: str) -> None:
        with self._news:
            if name:
                self.answered[name] += 1
            else:
                self.failures.append(failure)
            self._news.notify_all()
