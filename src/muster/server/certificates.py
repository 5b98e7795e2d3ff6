"""TLS by certificate files, read again when they change: new handshakes get the new certificate, open connections stay."""

from __future__ import annotations

import ssl
from pathlib import Path

from muster.server.config import BadConfig


class Certificates:
    """`context` stays the same object for the life of the server; `refresh` loads new files into it."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert = cert
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        try:
            self._stamp = self._stamps()
            self.context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise BadConfig("tls.cert", str(cert), f"cannot be used: {_why(error)}") from None

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in (self._cert.stat(), self._key.stat()))

    def refresh(self) -> str | None:
        """None: nothing changed. "": the new files are in use. Else why they are not; the old ones stay.

        A pair that does not match, as while somebody is replacing it, is tried in a context of its own first.
        """
        try:
            stamp = self._stamps()
            if stamp == self._stamp:
                return None
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key)
            self.context.load_cert_chain(self._cert, self._key)
        except (OSError, ssl.SSLError) as error:
            return _why(error)
        self._stamp = stamp
        return ""


def _why(error: OSError) -> str:
    """OpenSSL says `PEM lib` for whatever is not a certificate or key."""
    if isinstance(error, ssl.SSLError) and error.reason in (None, "PEM_LIB"):
        return "one of the two files is not PEM: it needs BEGIN CERTIFICATE, its key BEGIN PRIVATE KEY"
    return str(error)
