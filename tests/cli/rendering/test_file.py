"""Files that are replaced whole, or not at all."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from muster.cli.rendering import file


def test_a_file_is_replaced_by_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file.replace(out, "a")
    before = out.stat()
    file.replace(out, "b")
    assert (out.read_text(), out.stat().st_ino != before.st_ino) == ("b", True)
    assert list(tmp_path.iterdir()) == [out]


def test_what_it_holds_is_compared_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert not file.holds(out, "")
    out.write_text("dü")
    assert [file.holds(out, text) for text in ("dü", "d", "", "du\u0308")] == [True, False, False, False]


def test_mode_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    file.replace(link, "new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o640)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_neither_replaced_nor_read(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="is no file"):
        file.holds(out, "x")
    assert not out.is_file()
    assert list(tmp_path.iterdir()) == [out]


def test_links_in_a_circle_are_said(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    out.symlink_to(other)
    other.symlink_to(out)
    with pytest.raises(OSError, match="symbolic links"):
        file.holds(out, "x")


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file.replace(out, "as it was")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.replace(out, "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (out.read_text(), list(tmp_path.iterdir())) == ("as it was", [out])


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "directory"
    out.mkdir()
    with pytest.raises(OSError, match="irectory"):
        file.replace(out, "x")
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(FileNotFoundError):
        file.replace(tmp_path / "absent" / "out", "x")
    with pytest.raises(UnicodeEncodeError):
        file.replace(tmp_path / "out", "\ud800")
    assert list(tmp_path.iterdir()) == [out]
