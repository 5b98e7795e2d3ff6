"""Files that are replaced whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from muster.cli.rendering import file


def test_a_file_is_written_once_for_one_content(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert file.replace(out, "a")
    before = out.stat()
    assert not file.replace(out, "a")
    assert out.stat().st_mtime_ns == before.st_mtime_ns
    assert file.replace(out, "b")
    assert (out.read_text(), out.stat().st_ino != before.st_ino) == ("b", True)
    assert list(tmp_path.iterdir()) == [out]


def test_mode_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    assert file.replace(link, "new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o640)


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
