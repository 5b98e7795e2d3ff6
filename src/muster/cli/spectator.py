"""A watch stream for somebody who looks on: every event in order, across reconnections.

Unlike the library's mirrors it keeps nothing and acknowledges nothing, so no drain ever waits for a terminal.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from random import Random

import msgspec

from muster.client.address import Registry
from muster.client.backoff import Rounds
from muster.client.errors import Lost, Refused
from muster.client.http import Access
from muster.client.stream import Stream, connect, request_head
from muster.client.timing import USUAL
from muster.wire import events
from muster.wire.events import Event, GoAwayEvent

from .exits import Exit
from .failures import of_refusal, unreachable

LASTING = frozenset({Exit.REFUSED, Exit.UNKNOWN, Exit.DENIED})
"""Refusals that asking again does not change."""


class Spectator:
    """`troubled` is told, in a few words, why the stream has to be opened again."""

    def __init__(self, access: Access, services: tuple[str, ...], troubled: Callable[[str], None]) -> None:
        self._access = access
        self._services = services
        self._troubled = troubled
        self._position = ""
        self._seen_any = False

    def __repr__(self) -> str:
        return f"<Spectator of {', '.join(self._services)} at {self._position or 'no position'}>"

    def events(self) -> Iterator[Event]:
        """Without end. Raises `Failure` if no registry answers at first, or one refuses for good."""
        rounds = Rounds(len(self._access.registries), Random())  # noqa: S311 - spreads load, keeps no secret
        attempt = rounds.begin()
        while True:
            threading.Event().wait(attempt.after)
            registry = self._access.registries[attempt.index]
            try:
                for event in self._stream(registry):
                    rounds.steady()
                    yield event
                why = "the registry says goodbye"
                attempt = rounds.elsewhere()
            except Refused as refused:
                why = self._judge(refused)
                attempt = rounds.elsewhere(refused=True)
            except (Lost, OSError, msgspec.DecodeError) as error:
                why = str(error)
                attempt = rounds.elsewhere()
            if not self._seen_any and rounds.exhausted:
                raise unreachable({registry.url: why})
            self._troubled(f"{registry}: {why}")

    def _stream(self, registry: Registry) -> Iterator[Event]:
        """One stream's events, until the registry sends us away."""
        query = {"service": self._services, "after": self._position}
        head = request_head(registry, self._access.target(registry, "/watch", query), self._access.headers())
        with contextlib.closing(connect(registry, self._access, USUAL)) as stream:
            stream.begin(head)
            for event in self._read(stream):
                if isinstance(event, GoAwayEvent):
                    return
                yield event

    def _read(self, stream: Stream) -> Iterator[Event]:
        while True:
            for message in stream.read():
                event = events.decode(message.event, message.data)
                if event is not None:
                    self._seen_any = True
                    yield event
                self._position = message.id or self._position

    def _judge(self, refused: Refused) -> str:
        failure = of_refusal(refused)
        if failure.code in LASTING:
            raise failure
        return failure.message
