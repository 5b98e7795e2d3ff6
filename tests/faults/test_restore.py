"""A database put back to an older backup: readers are told that it is another history, and nobody is left with nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.httpapi.asking import Caller
from tests.httpapi.streaming import Stream

from muster import Discovery
from muster.testing.process import RegistryProcess
from muster.wire.events import ResetEvent, SnapshotEvent


def muster(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "muster", *arguments], check=True, timeout=60)


@pytest.mark.fault
def test_an_older_backup_resets_its_readers_and_empties_nobody(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    with RegistryProcess(data) as registry:
        with Caller("127.0.0.1", registry.port) as caller:
            caller.register("web", "kept", port=1)
            muster("backup", str(backup), "--url", registry.url)
            caller.register("web", "newer", port=2)
            caller.register("api", "newest", port=3)
            old = Stream("127.0.0.1", registry.port, "/v1/watch?service=web&service=api")
            old.changes(2)
        with Discovery(registry.url, ["web", "api"]) as discovery:
            discovery.wait_ready()
            assert {discovery.pick("web").port for _ in range(64)} == {1, 2}
            registry.stop()
            muster("restore", str(backup), "--data", str(data))
            registry.start()

            mark = old.id
            path = f"/v1/watch?service=web&service=api&after={mark}"
            with Stream("127.0.0.1", registry.port, path) as stream:
                reset, *snapshots = stream.changes(3)
                assert isinstance(reset, ResetEvent)
                assert all(isinstance(each, SnapshotEvent) and not each.settled for each in snapshots)
                assert stream.copy.ids("web") == ["kept"]
            while not discovery.status().services["api"].unconfirmed:
                threading.Event().wait(0.02)
            for _ in range(20):
                assert discovery.pick("web").port in (1, 2)
                assert discovery.pick("api").port == 3
                threading.Event().wait(0.02)
