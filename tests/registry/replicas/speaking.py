"""A dialect spoken to a registry without a socket: its routes, its handlers, its way to refuse."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from urllib.parse import quote

import msgspec

from muster.model.errors import Rejected, Unavailable
from muster.web.message import Request
from muster.web.router import Router, Surface


class Nearby:
    """A connection from the registry's own machine."""

    peer, source = "127.0.0.1:9", "127.0.0.1"
    waiting: asyncio.Event | None = None

    def gone(self) -> bool:
        return False


class Speaking:
    def __init__(self, surface: Surface) -> None:
        self._router = Router([surface])

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """(status, text); `path` may have a query, and what is in braces is quoted."""
        path, _, query = path.partition("?")
        match = self._router.match(
            method,
            "/".join(quote(part[1:-1], safe="") if part[:1] == "{" else part for part in path.split("/")),
        )
        sent = b"" if body is None else msgspec.json.encode(body)
        headers = [(b"content-type", b"application/json")]
        request = Request(method, path, query.encode(), headers, sent, match.params, Nearby())
        try:
            answer = match.route.hot(request) if match.route.hot else None
            if answer is None:
                answer = match.route.handler(request)
            if isawaitable(answer):
                answer = await answer
        except (Rejected, Unavailable) as refusal:
            answer = match.dialect.refusal(refusal, headers)
        return answer.status, answer.body.decode()
