"""The ASGI side: whatever was not answered hot. Same router, gate and handlers; one place maps errors to problems."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from inspect import isawaitable
from typing import Any

from muster.httpapi.lookup import Lookup
from muster.httpapi.message import Connection, Download, Request, Response, refusal
from muster.httpapi.router import Match
from muster.httpapi.service import Service
from muster.httpapi.stream import Stream
from muster.model.errors import Rejected, Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("muster.http")


class Disconnected(Exception):
    """The client is gone; nobody waits for an answer."""


class App:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except Disconnected:
            return
        except (Rejected, Unavailable) as error:
            self._service.count_refusal(error)
            answer = refusal(error)
        except Exception:
            log.exception("bug while answering %s %s", scope["method"], scope["path"])
            answer = refusal(Rejected("internal_error", "see the registry's log"))
        await _send(answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | Download:
        self._service.gate.check_host(
            scope["headers"]
        )  # Before anything is told to a page that must not ask.
        raw_path = scope["raw_path"].decode("latin-1")
        match = self._service.router.match(scope["method"], raw_path)
        body = await _body(receive, match.route.body_limit)
        request = _request(scope, match, body)
        self._service.gate.check(request, guarded=match.route.guarded)
        answer = match.route.handler(request)
        answer = await answer if isawaitable(answer) else answer
        if isinstance(answer, Lookup):
            return answer.response()
        if isinstance(answer, Stream):
            raise Rejected("invalid_request", "a stream needs a connection of its own: do not pipeline it")
        assert isinstance(answer, Response | Download)
        return answer


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
            raise Rejected("body_too_large", f"a body here has at most {limit} bytes")
        if not message.get("more_body"):
            return b"".join(chunks)


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
