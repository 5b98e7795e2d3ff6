"""Questions and answers of DNS, as little of them as a measurement needs."""

from __future__ import annotations

import struct

HEAD = struct.Struct("!HHHHHH")


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return HEAD.pack(1, 0, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def answers_to(packet: bytes) -> int:
    """How many records the answer section has."""
    return int(HEAD.unpack_from(packet)[3])
