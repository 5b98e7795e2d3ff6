"""`kill -9` while registrations come at full rate: what was acknowledged is there afterwards."""

from __future__ import annotations

import contextlib
import http.client
import threading
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller

from muster.testing.process import RegistryProcess

WRITERS = 8
ACKNOWLEDGED_PER_ROUND = 200


class Writers:
    """Register as fast as they can, each over one connection; `acknowledged` are those that were answered."""

    def __init__(self, port: int, prefix: str) -> None:
        self.acknowledged: set[str] = set()
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=[port, f"{prefix}-{n}"]) for n in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, port: int, prefix: str) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException), Caller("127.0.0.1", port) as caller:
            for n in range(1_000_000):
                caller.register("web", f"{prefix}-{n}", static=True)
                self.acknowledged.add(f"{prefix}-{n}")
                if len(self.acknowledged) >= ACKNOWLEDGED_PER_ROUND:
                    self._enough.set()

    def wait(self) -> None:
        assert self._enough.wait(60)

    def end(self) -> set[str]:
        for thread in self._threads:
            thread.join(60)
        return self.acknowledged


def kill_at_full_rate(data: Path, rounds: int) -> None:
    acknowledged: set[str] = set()
    registry = RegistryProcess(data)
    epochs: set[str] = set()
    for number in range(rounds):
        with registry:
            writers = Writers(registry.port, f"r{number}")
            writers.wait()
            registry.kill()
            acknowledged |= writers.end()
    with registry, Caller("127.0.0.1", registry.port) as caller:
        listed = caller.look("web", "?all=1")
        epochs.add(listed.json["epoch"])
        assert acknowledged <= set(listed.ids)
        # A registration that was committed and not answered may be there: at most one for each writer of each round.
        assert len(listed.ids) <= len(acknowledged) + rounds * WRITERS
        generations = [each["generation"] for each in listed.json["instances"]]
        assert max(generations) <= listed.json["revision"]


@pytest.mark.fault
def test_nothing_acknowledged_is_missing_after_kill_9(tmp_path: Path) -> None:
    kill_at_full_rate(tmp_path, rounds=3)


@pytest.mark.fault
@pytest.mark.slow
def test_nothing_acknowledged_is_missing_after_twenty_times_kill_9(tmp_path: Path) -> None:
    kill_at_full_rate(tmp_path, rounds=20)
