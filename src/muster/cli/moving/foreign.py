"""GET requests to a server that is no Muster: bounded in time and size, gzip understood, redirects not followed."""

from __future__ import annotations

import base64
import http.client
import ssl
import zlib
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote

from muster.model import limits

GZIP_WINDOW = 31


class Away(Exception):
    """It does not answer, or not with what was asked for."""


class Foreign:
    """`url` is of http or https. A name and a password in it become basic authentication."""

    def __init__(self, url: SplitResult, headers: Mapping[str, str] = {}) -> None:
        self._url = url
        self._prefix = url.path.rstrip("/")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path: str) -> bytes:
        """The body of a 200, or b"" for a 404. Raises `Away`."""
        connection = self._connection()
        try:
            connection.request("GET", self._prefix + path, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read(limits.CLIENT_ANSWER_BYTES + 1)
            if answer.status not in (200, 404):
                raise Away(f"{self._prefix}{path}: {answer.status} {body[:200].decode('latin-1')}")
            return b"" if answer.status == 404 else _plain(body, answer.getheader("Content-Encoding", ""))
        except (OSError, http.client.HTTPException, zlib.error) as error:
            raise Away(f"{self._url.hostname}: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, timeout = self._url.hostname or "", limits.CLIENT_REQUEST_S
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=timeout)


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        body = zlib.decompressobj(GZIP_WINDOW).decompress(body, limits.CLIENT_ANSWER_BYTES + 1)
    if len(body) > limits.CLIENT_ANSWER_BYTES:
        raise Away(f"an answer of more than {limits.CLIENT_ANSWER_BYTES} bytes")
    return body
