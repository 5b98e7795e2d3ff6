"""Three real replicas on a real etcd, and what a registrar or a caller sees of them."""

import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import msgspec
from tests.etcd import Cluster, Secure, free_ports

START_S = 60.0


class Replica:
    """One process. `call` returns (status, body); status 0 means that nobody answered."""

    def __init__(
        self,
        folder: Path,
        port: int,
        store: str,
        flags: Sequence[str] = (),
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.flags = flags
        self._trust = trust
        self.port, self._folder, self._store = port, folder, store
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / f"{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "muster", "serve", "--log-format", "json"),
                    *("--listen", f"127.0.0.1:{self.port}", "--store", self._store),
                    *self.flags,
                ],
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def stop(self, within: float) -> None:
        """As an upgrade does: it ends by itself."""
        self.signal(signal.SIGTERM)
        assert self.process
        assert self.process.wait(within) == 0
        self.process = None

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def call(self, method: str, path: str, body: object = None, timeout: float = 2.0) -> tuple[int, Any]:
        return call(self.port, method, path, body, timeout, self._trust)


def call(
    port: int,
    method: str,
    path: str,
    body: object = None,
    timeout: float = 2.0,
    trust: ssl.SSLContext | None = None,
) -> tuple[int, Any]:
    if trust is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    else:
        connection = HTTPSConnection("127.0.0.1", port, timeout=timeout, context=trust)
    try:
        sent = None if body is None else msgspec.json.encode(body)
        connection.request(method, f"/v1{path}", sent, {"content-type": "application/json"})
        answer = connection.getresponse()
        read = answer.read()
        return answer.status, msgspec.json.decode(read) if read else None
    except (OSError, HTTPException):
        return 0, None
    finally:
        connection.close()


class Trio:
    """Three replicas over `members` members of etcd. `flags` are those of all, `last` those of the last one beside; what they serve
    over TLS is read with `trust`."""

    def __init__(
        self,
        folder: Path,
        members: int = 1,
        last: Sequence[str] = (),
        *,
        flags: Sequence[str] = (),
        trust: ssl.SSLContext | None = None,
        secure: Secure | None = None,
    ) -> None:
        self._flags, self._last, self._trust = flags, last, trust
        self.etcd = Cluster(folder / "etcd", members, secure=secure)
        self._folder = folder
        self.replicas: list[Replica] = []

    def __enter__(self) -> "Trio":
        self.etcd.start()
        store = f"{self.etcd.url}/trio"
        self.replicas = [
            Replica(self._folder, port, store, self._flags, self._trust) for port in free_ports(3)
        ]
        self.replicas[-1].flags = [*self._flags, *self._last]
        for replica in self.replicas:
            replica.start()
        self.until(lambda: all(self.members(replica) == 3 for replica in self.replicas))
        return self

    def __exit__(self, *_: object) -> None:
        for replica in self.replicas:
            replica.kill()
        self.etcd.stop()

    def members(self, replica: Replica) -> int:
        _, told = replica.call("GET", "/replicas")
        return len(told["replicas"]) if told else 0

    def until(self, true: Any, within: float = START_S) -> float:
        """Seconds until it is."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() < began + within, self.logs()
            threading.Event().wait(0.05)
        return time.monotonic() - began

    def logs(self) -> str:
        return "\n".join(file.read_text()[-1500:] for file in self._folder.glob("*.log"))

    def statuses(self, replica: Replica) -> dict[str, str]:
        """None while the service is not known there."""
        status, told = replica.call("GET", "/services/web/instances?all=true")
        return {each["instance_id"]: each["status"] for each in told["instances"]} if status == 200 else {}


class Beating:
    """Instances that hop: each heartbeat of each goes to the next replica that takes it. `wrong`: what any look at any replica
    showed of them that it must not. An instance is expired wrongly if its last renewal that was taken was sent less than `ttl` s
    before that was told; a beat that came late itself, on a machine that stood still, accuses nobody for a moment."""

    ROUNDS = 20
    EXCUSED_S = 5.0

    def __init__(self, trio: Trio, count: int, *, ttl: float = 3.0) -> None:
        self._trio, self._ids, self._ttl = trio, [f"live-{n}" for n in range(count)], ttl
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._beat), threading.Thread(target=self._look)]
        self._taken: dict[str, float] = {}
        self._excused = dict.fromkeys(self._ids, 0.0)
        self.wrong: list[object] = []
        self.refused = 0

    def __enter__(self) -> "Beating":
        for turn, id in enumerate(self._ids):
            self._taken[id] = time.monotonic()
            register(self._trio.replicas[turn % 3], id, self._ttl)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _beat(self) -> None:
        turn = 0
        while not self._stop.wait(self._ttl / 6):
            for id in self._ids:
                turn += 1
                self._renew(id, turn)

    def _renew(self, id: str, turn: int) -> None:
        """By whoever takes it: all three are asked again and again, with a moment between the rounds."""
        for _ in range(self.ROUNDS):
            for step in range(3):
                replica, sent = self._trio.replicas[(turn + step) % 3], time.monotonic()
                status, told = replica.call("PUT", f"/heartbeat/{id}", timeout=0.3)
                if status == 204:
                    if sent >= self._taken[id] + self._ttl:
                        self._excused[id] = sent + self.EXCUSED_S
                    self._taken[id] = sent
                    return
                if status not in (0, 503):
                    self.wrong.append((id, status, told))
            if self._stop.wait(0.05):
                return
        self.refused += 1

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            for replica in self._trio.replicas:
                taken = dict(self._taken)
                statuses = self._trio.statuses(replica)
                now = time.monotonic()
                for id in self._ids:
                    alive = self._excused[id] < now < taken[id] + self._ttl
                    if alive and statuses.get(id) == "expired":
                        self.wrong.append((id, now - taken[id], replica.port))


def register(replica: Replica, id: str, ttl: float = 3.0) -> None:
    told = {"service": "web", "instance_id": id, "host": "127.0.0.1", "port": 9, "ttl": ttl}
    status, answer = replica.call("POST", "/register", told, timeout=10)
    assert status in (200, 201), (status, answer)
