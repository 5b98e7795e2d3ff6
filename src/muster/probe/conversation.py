"""What is said on a connection, apart from the connection: bytes in, bytes out, and at last a conclusion. No I/O.

    opening()            what to send once connected
    hear(data)           what to send in return
    hung_up()            the conclusion if the peer closes now
    conclusion           None until it is known; then nothing more is read

TCP, HTTP and gRPC are three conversations, and TLS is a fourth that wraps any of them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from muster.model.check import Answer


class Conclusion(NamedTuple):
    """`detail` may still hold foreign text; it is made printable and cut where it leaves this package."""

    answer: Answer
    detail: str


class Conversation(Protocol):
    """`hear` and `opening` never raise: whatever the peer sends ends in a conclusion."""

    conclusion: Conclusion | None

    def opening(self) -> bytes: ...

    def hear(self, data: bytes) -> bytes: ...

    def hung_up(self) -> Conclusion: ...


class TcpConversation:
    """To be connected is all there is to it."""

    __slots__ = ("conclusion",)

    def __init__(self) -> None:
        self.conclusion: Conclusion | None = None

    def opening(self) -> bytes:
        self.conclusion = Conclusion(Answer.ANSWERED, "connected")
        return b""

    def hear(self, data: bytes) -> bytes:
        return b""

    def hung_up(self) -> Conclusion:
        return Conclusion(Answer.FAILED, "closed the connection")
