"""GET requests to a server that is no Muster: bounded in time and size, gzip understood, redirects not followed.

A time-out of a socket begins anew with every byte, so a watch beside it ends the connection when the answer as a whole is late.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote

from muster.model import limits

GZIP_WINDOW = 31


class Away(Exception):
    """It does not answer, or not with what was asked for."""


class Foreign:
    """`url` is of http or https. A name and a password in it become basic authentication. A whole answer comes `within` s."""

    def __init__(
        self, url: SplitResult, headers: Mapping[str, str] = {}, *, within: float = limits.FOLLOW_ANSWER_S
    ) -> None:
        self._url = url
        self._within = within
        self._late = f"no whole answer within {within:g} s"
        self._prefix = url.path.rstrip("/")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path: str) -> bytes:
        """The body of a 200. Raises `Away`."""
        connection = self._connection()
        late = threading.Event()
        try:
            connection.connect()
            watch = threading.Timer(self._within, _end, (connection.sock, late))
            watch.start()
            try:
                return self._answer(connection, path, late)
            finally:
                watch.cancel()
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            why = self._late if late.is_set() else str(error) or type(error).__name__
            raise Away(f"{self._url.hostname}: {why}") from None
        finally:
            connection.close()

    def _answer(self, connection: http.client.HTTPConnection, path: str, late: threading.Event) -> bytes:
        connection.request("GET", self._prefix + path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read(limits.CLIENT_ANSWER_BYTES + 1)
        if late.is_set():  # what was cut short can look whole
            raise Away(f"{self._url.hostname}: {self._late}")
        if answer.status != http.HTTPStatus.OK:
            excerpt = body[: limits.FOLLOW_REASON_CHARS].decode("latin-1")
            raise Away(f"{self._prefix}{path}: {answer.status} {excerpt}")
        if answer.length and len(body) <= limits.CLIENT_ANSWER_BYTES:
            raise Away(f"{self._prefix}{path}: the answer broke off, {answer.length} bytes are missing")
        return _plain(body, answer.getheader("Content-Encoding", ""))

    def _connection(self) -> http.client.HTTPConnection:
        host, timeout = self._url.hostname or "", limits.CLIENT_REQUEST_S
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=timeout)


def _end(sock: socket.socket, late: threading.Event) -> None:
    """Below TLS, which would want to say goodbye."""
    late.set()
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        body = zlib.decompressobj(GZIP_WINDOW).decompress(body, limits.CLIENT_ANSWER_BYTES + 1)
    if len(body) > limits.CLIENT_ANSWER_BYTES:
        raise Away(f"an answer of more than {limits.CLIENT_ANSWER_BYTES} bytes")
    return body
