"""Certificate files that change: what can be used is, and what cannot leaves the old pair in force."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from muster.server.certificates import Certificates
from muster.server.config import BadConfig


def write(authority: trustme.CA, folder: Path) -> None:
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> Certificates:
    write(authority, tmp_path)
    return Certificates(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_unchanged_files_are_not_read_again(certificates: Certificates) -> None:
    assert certificates.refresh() is None


def test_a_new_pair_is_taken_once(certificates: Certificates, authority: trustme.CA, tmp_path: Path) -> None:
    write(authority, tmp_path)
    assert certificates.refresh() == ""
    assert certificates.refresh() is None


def test_a_pair_that_does_not_match_is_said_so_until_it_does(
    certificates: Certificates, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "key.pem")
    assert "mismatch" in (certificates.refresh() or "").lower()
    assert "mismatch" in (certificates.refresh() or "").lower()
    write(authority, tmp_path)
    assert certificates.refresh() == ""


def test_a_file_that_is_gone_leaves_the_old_one(certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "key.pem").unlink()
    assert "No such file" in (certificates.refresh() or "")


def test_files_that_cannot_be_used_at_the_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"tls\.cert"):
        Certificates(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_a_file_that_is_no_certificate_is_said_so(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("hello\n")
    with pytest.raises(BadConfig, match="is not PEM"):
        Certificates(tmp_path / "cert.pem", tmp_path / "key.pem")
