"""A second dialect on the port: its own no, its own token, its own media types; the same gate, bounds, hot path and memo."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from tests.httpapi.asking import Answer, Wire, head

from muster.httpapi.problems import NATIVE
from muster.model.errors import Rejected, Unavailable
from muster.server.accepting import Server
from muster.server.settings import Address
from muster.server.sockets import listening
from muster.web.access import Gate
from muster.web.asgi import App
from muster.web.dialect import Dialect
from muster.web.known import Known
from muster.web.listener import Listener
from muster.web.message import Headers, Request, Response
from muster.web.protocol import bound_to
from muster.web.router import Route, Router, Surface

LIMIT = 1_000
TOKEN = b"a-token-of-an-operator"


def said(error: Rejected | Unavailable, headers: Headers) -> Response:
    polite = any(name == b"polite" for name, _ in headers)
    return Response(418, b"please, " * polite + error.code.encode(), media=b"text/plain")


def by_query(request: Request) -> bytes | None:
    return request.one("token").encode() or None


FOREIGN = Dialect("foreign", said, token=by_query)


class Handlers:
    """`count` counts the answers made."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.stamp = 0
        self.count = 0

    def look(self, request: Request) -> Known:
        return Known(self.listener, lambda: self.stamp, self._made)

    def _made(self) -> Response:
        self.count += 1
        return Response(200, b"%d" % self.stamp, media=b"text/plain")

    def echo(self, request: Request) -> Response:
        return Response(200, request.body, media=b"text/plain")

    def bug(self, request: Request) -> Response:
        raise KeyError("a bug")

    def surface(self) -> Surface:
        routes = (
            Route("GET", "/f/look", self.look, "", hot=self.look),
            Route("GET", "/f/bug", self.bug, "", hot=self.bug),
            Route("GET", "/f/cold-bug", self.bug, ""),
            Route("PUT", "/f/hot", self.echo, "", hot=self.echo, body_limit=LIMIT),
            Route("PUT", "/f/cold", self.echo, "", body_limit=LIMIT),
        )
        return Surface(FOREIGN, routes, ("/f",))


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Handlers, Address]]:
    listener = Listener(Gate([], lambda: [TOKEN]))
    handlers = Handlers(listener)
    listener.router = Router([Surface(NATIVE, (), ("/",)), handlers.surface()])
    bound = listening(Address("127.0.0.1", 0))
    config = uvicorn.Config(
        App(listener), http=bound_to(listener), ws="none", lifespan="off", log_config=None
    )
    server = Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve([bound]))
        await server.accepting.wait()
        yield handlers, Address(*bound.getsockname()[:2])
        server.should_exit = True
    listener.close()


def ask(address: Address, *pieces: bytes) -> Answer:
    with Wire(address.host, address.port) as wire:
        wire.send(*pieces)
        return wire.answer()


async def answered(address: Address, *pieces: bytes) -> tuple[int, bytes]:
    answer = await asyncio.to_thread(ask, address, *pieces)
    return answer.status, answer.body


def put(path: str, body: bytes, *lines: str) -> bytes:
    return head("PUT", f"{path}?token={TOKEN.decode()}", f"Content-Length: {len(body)}", *lines) + body


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (head("GET", "/f/nowhere"), b"unknown_path"),
        (head("GET", "/f/nowhere", "Polite: yes"), b"please, unknown_path"),
        (head("DELETE", "/f/look"), b"method_not_allowed"),
        (head("GET", "/f/look", host="evil.example"), b"host_not_allowed"),
        (head("GET", "/f/nowhere", host="evil.example"), b"host_not_allowed"),
        (head("PUT", "/f/hot"), b"token_required"),
        (head("PUT", "/f/cold?token=wrong"), b"token_invalid"),
        (head("GET", "/f/bug"), b"internal_error"),
        (head("GET", "/f/cold-bug"), b"internal_error"),
        (put("/f/hot", b"x" * (LIMIT + 1)), b"body_too_large"),
        (put("/f/cold", b"x" * (LIMIT + 1)), b"body_too_large"),
        (put("/f/hot", b"x", "Content-Encoding: br"), b"media_type"),
    ],
)
async def test_every_failure_is_told_in_the_dialect_of_its_path(asked: bytes, code: bytes) -> None:
    async with serving() as (_, address):
        assert await answered(address, asked) == (418, code)


async def test_elsewhere_failures_are_problems() -> None:
    async with serving() as (_, address):
        answer = await asyncio.to_thread(ask, address, head("GET", "/elsewhere"))
        assert answer.problem == (404, "unknown_path", None)


@pytest.mark.parametrize("path", ["/f/hot", "/f/cold"])
async def test_any_media_type_and_gzip_within_the_bound(path: str) -> None:
    whole = gzip.compress(b"x" * LIMIT)
    async with serving() as (_, address):
        for body, lines, expected in (
            (b"plain", (), (200, b"plain")),
            (whole, ("Content-Encoding: gzip",), (200, b"x" * LIMIT)),
            (gzip.compress(b"x" * (LIMIT + 1)), ("Content-Encoding: gzip",), (418, b"body_too_large")),
            (gzip.compress(b"x" * 10**7)[:LIMIT], ("Content-Encoding: gzip",), (418, b"body_too_large")),
            (whole[:-1], ("Content-Encoding: gzip",), (418, b"invalid_request")),
            (whole + whole, ("Content-Encoding: gzip",), (418, b"invalid_request")),
            (b"plain", ("Content-Encoding: gzip",), (418, b"invalid_request")),
        ):
            assert await answered(address, put(path, body, *lines)) == expected


async def test_an_answer_is_made_once_until_its_stamp_changes() -> None:
    """For the first request of a connection too."""
    async with serving() as (handlers, address):
        handlers.listener._timer.cancel()  # type: ignore[union-attr]  # its second does not pass
        for _ in range(3):
            assert await answered(address, head("GET", "/f/look")) == (200, b"0")
        assert handlers.count == 1
        handlers.stamp = 7
        assert await answered(address, head("GET", "/f/look")) == (200, b"7")
        assert handlers.count == 2
