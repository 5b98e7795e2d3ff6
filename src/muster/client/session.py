"""The session: a stream that says nothing but "alive", whose loss tells the registry that we may have died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from .address import Registry
from .errors import Lost
from .http import Access, part
from .stream import Stream, connect, request_head
from .timing import Timing


class Session:
    """One session stream at a time. `hold` is for one thread, the rest for any."""

    def __init__(self, access: Access, timing: Timing) -> None:
        self._access = access
        self._timing = timing
        self._stream: Stream | None = None
        self.open = False

    def __repr__(self) -> str:
        return f"<Session {'open' if self.open else 'closed'}>"

    def hold(
        self, registry: Registry, id: str, generation: int, secret: str, *, wanted: Callable[[], bool]
    ) -> None:
        """Hold it for as long as it lasts. Always raises in the end: `Lost`, `Refused`, OSError. Whoever makes `wanted` false
        calls `interrupt` then."""
        path = f"/instances/{part(id)}/session"
        target = self._access.target(registry, path, {"generation": generation})
        head = request_head(registry, target, self._access.headers(secret))
        with contextlib.closing(connect(registry, self._access, self._timing)) as stream:
            self._stream = stream
            try:
                if not wanted():
                    raise Lost("closed", "while it was being opened")
                stream.begin(head)
                self.open = True
                while True:
                    stream.read()
            finally:
                self.open, self._stream = False, None

    def interrupt(self) -> None:
        if stream := self._stream:
            stream.abort()

    def disown(self) -> None:
        """In a forked child: the connection is the parent's."""
        if stream := self._stream:
            stream.disown()
