"""Asking another replica: one request at a time on a connection that is kept, answered in time or not at all.

A kept connection may have been closed at the other end meanwhile, so what fails on one is tried once more on a new one: every
question may be asked twice.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from muster.model import limits
from muster.registry.replicas.port import (
    Compared,
    Comparison,
    Heard,
    Inquiry,
    Member,
    PeerUnreachable,
    Standing,
)
from muster.wire.answers import DrainAnswer

from . import bodies

T = TypeVar("T")
SECRETS_DIFFER = "does not take our secret: replica.secret_file has to hold the same at every replica"
HOST_DIFFERS, ADDRESS_DIFFERS = 62, 64
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpPeers:
    """`secret` is shared by all replicas; `tls` is what their certificates are checked with, where their URLs say https."""

    def __init__(self, secret: str = "", tls: ssl.SSLContext | None = None) -> None:
        self._secret = secret.encode()
        self._tls = tls
        self._kept: dict[str, list[Connection]] = {}

    def __repr__(self) -> str:
        return f"<HttpPeers {sum(map(len, self._kept.values()))} connections>"

    def close(self) -> None:
        for kept in self._kept.values():
            for _, writer in kept:
                writer.close()
        self._kept.clear()

    # --- The port ---------------------------------------------------------------------------------------------------

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        return await self._call(
            member, "POST", "ask", bodies.encode(inquiry), bodies.heard, limits.ASK_TIMEOUT_S
        )

    async def compare(self, member: Member, comparison: Comparison) -> Compared:
        within = limits.COMPARE_WAIT_S + limits.ASK_TIMEOUT_S
        body = bodies.encode(comparison)
        return await self._call(member, "POST", "compare", body, bodies.compared, within)

    async def standing(self, member: Member) -> Standing:
        return await self._call(member, "GET", "standing", b"", bodies.standing, limits.ASK_TIMEOUT_S)

    async def drained(
        self, member: Member, namespace: str, service: str, revision: int, wait: float
    ) -> DrainAnswer:
        asked = bodies.encode(bodies.DrainWait(namespace, service, revision, wait))
        within = wait + limits.ASK_TIMEOUT_S
        return await self._call(member, "POST", "drained", asked, bodies.drain_answer, within)

    # --- HTTP -------------------------------------------------------------------------------------------------------

    async def _call(
        self, member: Member, method: str, what: str, body: bytes, read: Callable[[bytes], T], within: float
    ) -> T:
        try:
            async with asyncio.timeout(within):
                status, answer = await self._exchange(member.url, method, what, body)
            if status in (401, 403):
                raise PeerUnreachable(f"{member.url} {SECRETS_DIFFER}")
            if status != 200:
                raise PeerUnreachable(
                    f"{member.url} answers {status}: {answer[:200].decode(errors='replace')}"
                )
            return read(answer)
        except TimeoutError:
            raise PeerUnreachable(f"{member.url} did not answer within {within:g} s") from None
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            raise PeerUnreachable(f"{member.url}: {_why(error)}") from None

    async def _exchange(self, url: str, method: str, what: str, body: bytes) -> tuple[int, bytes]:
        kept = self._kept.setdefault(url, [])
        while kept:
            connection = kept.pop()
            try:
                return await self._use(connection, url, method, what, body)
            except (OSError, EOFError):
                continue  # the other end had closed it
        return await self._use(await self._connect(url), url, method, what, body)

    async def _use(
        self, connection: Connection, url: str, method: str, what: str, body: bytes
    ) -> tuple[int, bytes]:
        reader, writer = connection
        try:
            writer.write(self._head(url, method, what, len(body)) + body)
            status, answer = await _response(reader)
        except BaseException:
            writer.close()
            raise
        kept = self._kept.setdefault(url, [])
        if len(kept) < limits.PEER_CONNECTIONS:
            kept.append(connection)
        else:
            writer.close()
        return status, answer

    async def _connect(self, url: str) -> Connection:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        tls = (self._tls or ssl.create_default_context()) if secure else None
        return await asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=tls)

    def _head(self, url: str, method: str, what: str, length: int) -> bytes:
        return b"".join(
            [
                f"{method} /v1/replicas/{what} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n".encode(
                    "latin-1"
                ),
                f"content-type: {bodies.MEDIA}\r\ncontent-length: {length}\r\n".encode("latin-1"),
                bodies.SECRET_HEADER + b": " + self._secret + b"\r\n\r\n",
            ]
        )


def _why(error: Exception) -> str:
    """What is wrong, and what helps."""
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in (HOST_DIFFERS, ADDRESS_DIFFERS):
            return "its certificate is for other names: its replica.url has to be one of them"
        case ssl.SSLCertVerificationError(verify_message=message):
            return f"its certificate is not trusted here ({message}): name who signed it with replica.ca"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            return "it does not speak TLS there, as its replica.url says"
        case _:
            return str(error) or type(error).__name__


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Raises `ValueError` for what is no answer of a replica."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if length > limits.PEER_ANSWER_BYTES:
        raise ValueError(f"an answer of {length} bytes")
    return int(first.split(" ", 2)[1]), await reader.readexactly(length)
