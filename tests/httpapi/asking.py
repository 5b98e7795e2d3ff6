"""A caller of the HTTP API as tests see it: one connection, one request after the other, nothing hidden."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import quote

import msgspec

TIMEOUT_S = 20.0
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> tuple[int, str, str | None]:
        """(status, code, the field it names)."""
        assert self.headers["content-type"] == "application/problem+json", self
        told = self.json
        assert told["status"] == self.status
        return self.status, told["code"], told.get("field")

    @property
    def ids(self) -> list[str]:
        """Of the instances listed."""
        return [instance["instance_id"] for instance in self.json["instances"]]


class Caller:
    """`ask` sends one request over a connection that stays open and is opened again when it must be."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._connection = (
            http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            if tls is None
            else http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=tls)
        )

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """A body that is not bytes is sent as JSON. `if_none_match="x"` is the header If-None-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        if body is not None:
            sent = {**JSON, **sent}
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read())

    def register(self, service: str, id: str, **fields: object) -> Answer:
        told = {"service": service, "instance_id": id, "host": "127.0.0.1", "port": 8080} | fields
        answer = self.ask("POST", "/v1/register", told)
        assert answer.status in (200, 201), answer
        return answer

    def deregister(self, id: str) -> None:
        assert self.ask("DELETE", f"/v1/instances/{quote(id, safe='')}").status == 204

    def look(self, service: str, query: str = "", **headers: str) -> Answer:
        return self.ask("GET", f"/v1/services/{service}/instances{query}", **headers)

    def status_of(self, id: str) -> str:
        return str(self.ask("GET", f"/v1/instances/{quote(id, safe='')}").json["status"])

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Kept(io.BufferedReader):
    """The reading end of a connection, which outlives the answers read from it."""

    def close(self) -> None:
        pass


class Wire:
    """A bare connection: bytes out, answers in."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection((host, port), TIMEOUT_S)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._reader = _Kept(socket.SocketIO(self.socket, "r"))

    def makefile(self, mode: str) -> io.BufferedReader:
        """What `HTTPResponse` wants of a socket."""
        return self._reader

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer of the connection, framed as HTTP says."""
        response = http.client.HTTPResponse(cast(socket.socket, self), method=method)
        response.begin()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())

    def line(self) -> bytes:
        return self._reader.readline()

    def rest(self) -> bytes:
        """What comes until the other side closes."""
        return self._reader.read()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def head(method: str, path: str, *lines: str, host: str = "localhost", version: str = "1.1") -> bytes:
    """A request's head, with `lines` as further headers."""
    told = [f"{method} {path} HTTP/{version}", f"Host: {host}", *lines]
    return ("\r\n".join(told) + "\r\n\r\n").encode()
