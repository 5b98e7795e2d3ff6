"""A file on a disk that is full: the old one stays whole, it is said once, and it follows again when there is room."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.cli.rendering.running import render
from tests.disk import fill, small_disk
from tests.httpapi.asking import Caller

from muster.testing.server import LocalRegistry

FULL = "No space left on device"
FILLING = 20_000 * "#"


@pytest.mark.fault
def test_a_full_disk_leaves_the_old_file_whole_until_there_is_room(tmp_path: Path) -> None:
    template, told = tmp_path / "ids.j2", tmp_path / "told"
    template.write_text("{% for i in service('web').instances %}{{ i.id }}\n{% endfor %}" + FILLING)
    with (
        small_disk(tmp_path / "disk") as disk,
        LocalRegistry() as registry,
        Caller(registry.host, registry.port) as caller,
    ):
        out = disk / "ids"
        caller.register("web", "a")
        with render(registry.url, template, out, "--exec", f"cp {out} {told}", "--debounce", "0s") as process:
            process.said("written")
            ballast = fill(disk)
            caller.register("web", "b")
            process.said(FULL)
            for _ in range(3):
                process.process.send_signal(signal.SIGHUP)
            assert out.read_text() == "a\n" + FILLING
            ballast.unlink()
            process.process.send_signal(signal.SIGHUP)
            process.said("written")
            assert process.stop() == 0
        assert sum(FULL in line for line in process.lines) == 1
        assert told.read_text() == out.read_text() == "a\nb\n" + FILLING
        assert {each.name for each in disk.iterdir()} == {"ids"}
