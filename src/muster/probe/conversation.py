"""What is said on a connection, apart from the connection: bytes in, bytes out, and at last a verdict. No I/O.

    opening()            what to send once connected
    hear(data)           what to send in return
    hung_up()            the verdict if the peer closes now
    verdict              None until it is known; then nothing more is read

TCP, HTTP and gRPC are three conversations, and TLS is a fourth that wraps any of them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from muster.model.check import Answer


class Verdict(NamedTuple):
    """`detail` may still hold foreign text; it is made printable and cut where it leaves this package."""

    answer: Answer
    detail: str


class Conversation(Protocol):
    """`hear` and `opening` never raise: whatever the peer sends ends in a verdict."""

    verdict: Verdict | None

    def opening(self) -> bytes: ...

    def hear(self, data: bytes) -> bytes: ...

    def hung_up(self) -> Verdict: ...


class TcpConversation:
    """To be connected is all there is to it."""

    __slots__ = ("verdict",)

    def __init__(self) -> None:
        self.verdict: Verdict | None = None

    def opening(self) -> bytes:
        self.verdict = Verdict(Answer.ANSWERED, "connected")
        return b""

    def hear(self, data: bytes) -> bytes:
        return b""

    def hung_up(self) -> Verdict:
        return Verdict(Answer.FAILED, "closed the connection")
