"""Certificates made by openssl: an authority of one's own, and what it signs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec import Struct
from tests.parts import require

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Pair(Struct, frozen=True):
    """A certificate and its key, PEM."""

    cert: Path
    key: Path


class Authority:
    """`ca` is the file to trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        out = ("-keyout", str(self._own.key), "-out", str(self._own.cert))
        _openssl("req", "-x509", *KEY, *out, "-subj", f"/CN={name}", "-days", "2")

    @property
    def ca(self) -> Path:
        return self._own.cert

    def issue(self, name: str, names: str = "IP:127.0.0.1,DNS:localhost") -> Pair:
        """For a server at `names` and for a client called `name`."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, about = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        about.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl("req", "-new", *KEY, "-keyout", str(pair.key), "-out", str(request), "-subj", f"/CN={name}")
        signed = ("-CA", str(self._own.cert), "-CAkey", str(self._own.key), "-CAcreateserial", "-days", "2")
        _openssl("x509", "-req", "-in", str(request), *signed, "-extfile", str(about), "-out", str(pair.cert))
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run([require("openssl"), *arguments], check=True, capture_output=True)
