"""The last known good on disk: whole, ours, or nothing."""

import multiprocessing
import os
import stat
import threading
from pathlib import Path

import pytest
from tests.client.told import web

from muster.client import endpoint
from muster.client.disk import Disk, Foreign, Unreadable
from muster.client.saver import Saver
from muster.client.state import Snapshot
from muster.client.status import Counts
from muster.testing.clock import ManualClock

URLS = ["http://a:8500", "http://b:8500"]


def saved(revision: int = 10, epoch: str = "e1", count: int = 2) -> Snapshot:
    endpoints = tuple(endpoint.of(web(number)) for number in range(1, count + 1))
    return Snapshot("web", epoch, revision, exists=True, endpoints=endpoints)


def disk(directory: Path) -> Disk:
    return Disk(directory, URLS, "default")


def load(directory: Path) -> Snapshot:
    found = disk(directory).load("web")
    assert found is not None
    return found[0]


def test_what_was_saved_is_loaded_and_says_where_it_is_from(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    found = load(tmp_path)
    assert (found.source, found.endpoints, found.revision) == ("disk", saved().endpoints, 10)


def test_nothing_saved_is_nothing(tmp_path: Path) -> None:
    assert disk(tmp_path).load("web") is None


def test_its_age_is_that_of_the_file(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    path = disk(tmp_path).path("web")
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    found = disk(tmp_path).load("web")
    assert found is not None
    assert 3590 < found[1] < 3700


def test_the_order_of_the_urls_does_not_matter(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    assert Disk(tmp_path, reversed(URLS), "default").load("web") is not None


def test_other_registries_and_namespaces_have_files_of_their_own(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    assert Disk(tmp_path, URLS[:1], "default").load("web") is None
    assert Disk(tmp_path, URLS, "other").load("web") is None


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    assert stat.S_IMODE(disk(tmp_path).path("web").stat().st_mode) == 0o600


def test_who_knows_less_only_vouches_for_it(tmp_path: Path) -> None:
    disk(tmp_path).save(saved(revision=10))
    path = disk(tmp_path).path("web")
    os.utime(path, (1, 1))
    disk(tmp_path).save(saved(revision=9, count=1))
    assert (load(tmp_path).revision, path.stat().st_mtime > 1) == (10, True)


def test_another_history_replaces_it(tmp_path: Path) -> None:
    disk(tmp_path).save(saved(revision=10))
    disk(tmp_path).save(saved(revision=2, epoch="e2", count=1))
    assert (load(tmp_path).epoch, len(load(tmp_path).endpoints)) == ("e2", 1)


@pytest.mark.parametrize("keep", [0, 20, 150, -1], ids=["empty", "half a line", "half a body", "but one"])
def test_a_damaged_file_is_refused_and_replaced(tmp_path: Path, keep: int) -> None:
    disk(tmp_path).save(saved())
    path = disk(tmp_path).path("web")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Unreadable):
        disk(tmp_path).load("web")
    disk(tmp_path).save(saved(revision=11))
    assert load(tmp_path).revision == 11


@pytest.mark.parametrize("keep", [-1, -100])
def test_also_by_who_has_nothing_newer_to_say(tmp_path: Path, keep: int) -> None:
    """Its first line is whole, and speaks of the same revision."""
    ours = disk(tmp_path)
    ours.save(saved())
    path = ours.path("web")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Unreadable):
        ours.load("web")
    ours.save(saved())
    assert load(tmp_path).endpoints == saved().endpoints


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    path = disk(tmp_path).path("web")
    path.write_bytes(path.read_bytes().replace(b"10.0.0.1", b"10.0.0.7"))
    with pytest.raises(Unreadable, match="checksum"):
        disk(tmp_path).load("web")


@pytest.mark.parametrize(
    "content",
    [b"somebody's notes\n", b'{"format":"muster-mirror","version":2,"service":"web"}\n', b"\x00\xff" * 9_000],
    ids=["text", "newer version", "binary"],
)
def test_a_foreign_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = disk(tmp_path).path("web")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for attempt in (lambda: disk(tmp_path).load("web"), lambda: disk(tmp_path).save(saved())):
        with pytest.raises(Unreadable):
            attempt()
    assert path.read_bytes() == content


def test_a_newer_version_is_foreign_even_with_fields_unknown_here(tmp_path: Path) -> None:
    path = disk(tmp_path).path("web")
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"format":"muster-mirror","version":2}\n[]')
    with pytest.raises(Foreign):
        disk(tmp_path).load("web")


def test_what_a_dead_process_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    disk(tmp_path).save(saved())
    directory = disk(tmp_path).path("web").parent
    old, new = directory / "web.old.tmp", directory / "web.new.tmp"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    disk(tmp_path).sweep()
    assert (old.exists(), new.exists(), disk(tmp_path).path("web").exists()) == (False, True, True)


def churn(directory: Path, first: int) -> None:
    for revision in range(first, first + 60):
        disk(directory).save(saved(revision, epoch=f"e{revision}", count=5))


def test_many_processes_share_one_file(tmp_path: Path) -> None:
    """Readers never see a file that is not whole, whoever writes it and however often."""
    disk(tmp_path).save(saved())
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=churn, args=(tmp_path, 100 * number)) for number in range(1, 4)]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers):
        assert len(load(tmp_path).endpoints) in (2, 5)
        reads += 1
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert reads > 0
    assert list(disk(tmp_path).path("web").parent.glob("*.tmp")) == []


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = disk(tmp_path).path("web")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(Foreign):
        disk(tmp_path).load("web")
    with pytest.raises(Foreign):
        disk(tmp_path).save(saved())


class Stuck(Disk):
    """A disk that takes its time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, URLS, "default")
        self.begun, self.go_on = threading.Event(), threading.Event()

    def save(self, snapshot: Snapshot) -> None:
        self.begun.set()
        assert self.go_on.wait(10)
        super().save(snapshot)


def test_nobody_waits_for_a_slow_disk_and_the_last_state_gets_there(tmp_path: Path) -> None:
    slow = Stuck(tmp_path)
    saver = Saver(slow, Counts(), ManualClock(), interval=0.0)
    for revision in (10, 11, 12):
        saver.changed(saved(revision))
        saver.save_due(lambda snapshot: True)
        assert slow.begun.wait(10)
    slow.go_on.set()
    saver.save_all(lambda snapshot: True)
    assert load(tmp_path).revision == 12


def test_a_disk_that_fails_again_and_again_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    counts = Counts()
    saver = Saver(disk(tmp_path / "file"), counts, ManualClock(), interval=0.0)
    for revision in (10, 11, 12):
        saver.changed(saved(revision))
        saver.save_all(lambda snapshot: True)
    assert (counts.disk_errors, len(caplog.records)) == (3, 1)
