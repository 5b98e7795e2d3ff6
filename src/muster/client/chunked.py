"""A chunked body (RFC 9112 section 7.1), taken apart as it arrives. No I/O."""

from __future__ import annotations

_LINE_BYTES = 256
"""A chunk's size line: 16 hex digits and whatever extension a proxy may add."""


class Malformed(ValueError):
    """Not a chunked body: the peer, or something between, is broken."""


class Dechunker:
    """Bytes in, the body's bytes out."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._closing = False
        self.ended = False

    def feed(self, received: bytes) -> bytes:
        """The part of the body that `received` holds. Raises `Malformed`."""
        data, at = self._rest + received, 0
        parts: list[bytes] = []
        while at < len(data) and not self.ended:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                self._closing = self._left == 0
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            self._line(data[at:end])
            at = end + 2
        self._rest = b"" if self.ended else data[at:]
        if len(self._rest) > _LINE_BYTES:
            raise Malformed("a chunk's size line is too long")
        return b"".join(parts)

    def _line(self, line: bytes) -> None:
        """The line end after a chunk's data, or the next chunk's size. Nothing is read after the last chunk."""
        if self._closing:
            if line:
                raise Malformed("a chunk is longer than it said")
            self._closing = False
            return
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Malformed(f"{line[:40]!r} is no chunk size") from None
        if self._left < 0:
            raise Malformed("a chunk of negative size")
        self.ended = self._left == 0
