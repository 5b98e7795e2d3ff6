"""Queries and answers as datagrams."""

from __future__ import annotations

import asyncio

from .responder import Responder


class Datagrams(asyncio.DatagramProtocol):
    """One for the socket. A datagram that is no query gets no answer; an answer that does not go out is lost, as any may be."""

    def __init__(self, responder: Responder) -> None:
        self._answer = responder.datagram
        self._full = False
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def pause_writing(self) -> None:
        """The kernel takes no more for now: whoever gets no answer asks again."""
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data)
        if answer is not None and not self._full:
            self._transport.sendto(answer, addr)
