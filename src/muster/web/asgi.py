"""The ASGI side: whatever was not answered hot. Same router, gate and handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from inspect import isawaitable
from typing import Any

from muster.model.errors import Rejected
from muster.web.inflate import too_large
from muster.web.known import Known
from muster.web.listener import Listener
from muster.web.message import Connection, Download, Request, Response
from muster.web.router import Match
from muster.web.stream import Stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Disconnected(Exception):
    """The client is gone; nobody waits for an answer."""


class App:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - a bug is told, and logged
            asked = f"{scope['method']} {scope['path']}"
            answer = self._listener.failed(error, asked, _raw_path(scope), scope["headers"])
        await _send(answer, _to_who_is_there(scope, send))

    async def _answer(self, scope: Scope, receive: Receive) -> Response | Download:
        # The host first, before anything is told to a page that must not ask.
        self._listener.gate.check_host(scope["headers"])
        match = self._listener.router.match(scope["method"], _raw_path(scope))
        body = await _body(receive, match.route.body_limit)
        request = _request(scope, match, body)
        self._listener.judge(request, match)
        answer = match.route.handler(request)
        answer = await answer if isawaitable(answer) else answer
        if isinstance(answer, Known):
            return answer.response()
        if isinstance(answer, Stream):
            raise Rejected("invalid_request", "a stream needs a connection of its own: do not pipeline it")
        assert isinstance(answer, Response | Download)
        return answer


def _raw_path(scope: Scope) -> str:
    raw_path: bytes = scope["raw_path"]
    return raw_path.decode("latin-1")


def _request(scope: Scope, match: Match, body: bytes) -> Request:
    connection: Connection = scope["muster.connection"]
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"],
        scope["headers"],
        body,
        match.params,
        connection,
    )


async def _body(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max(limit, 0):
            raise too_large(limit)
        if not message.get("more_body"):
            return b"".join(chunks)


def _to_who_is_there(scope: Scope, send: Send) -> Send:
    """uvicorn learns of the end of a connection a moment late, and for the last of several requests in line alone; the others would
    go on writing."""

    async def say(message: MutableMapping[str, Any]) -> None:
        if scope["muster.connection"].gone():
            scope["muster.cycle"].disconnected = True
        await send(message)

    return say


async def _send(answer: Response | Download, send: Send) -> None:
    if isinstance(answer, Download):
        await _send_pieces(answer, send)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.head()})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_pieces(download: Download, send: Send) -> None:
    started = False
    async for piece in download.pieces:
        if not started:
            started = True
            headers = [(b"content-type", download.media), *download.headers]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
