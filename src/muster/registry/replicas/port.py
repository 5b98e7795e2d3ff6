"""What replicas say to one another, and the port of whatever carries it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from muster.core.agreement import Tally
from muster.core.outbox import Question
from muster.registry.store import SharedStore
from muster.wire.answers import DrainAnswer


class Member(Struct, frozen=True):
    """A live replica. `url` is where the others reach it; `start` differs from one start of its process to the next. `resting`: it has
    just started again, and owns nothing yet; `deaf`: nor does it acknowledge anything yet, so there is nothing to ask it for."""

    name: str
    url: str
    start: str
    resting: bool = False
    deaf: bool = False


class Inquiry(Struct, frozen=True):
    """Questions of the replica called `who`."""

    who: str
    questions: list[Question]


class Heard(Struct, frozen=True):
    """The answers, in the order of the questions: s since it was heard, None for never. `behind`: the positions of those about records
    that the one who was asked has not seen yet."""

    ages: list[float | None]
    behind: list[int] = []


class Comparison(Struct, frozen=True):
    """What the replica called `who` holds of some services, as of a revision of the history called `epoch`; and of all traffic
    policies (None: it is older than that)."""

    who: str
    epoch: str
    revision: int
    tallies: list[Tally]
    policies: Tally | None = None


class Compared(Struct, frozen=True):
    """What the one who was asked held of the same services at the same revision; those that he cannot say any more are missing."""

    tallies: list[Tally]
    policies: Tally | None = None


class Standing(Struct, frozen=True):
    """What a replica says of itself. `age`: s since it was in touch with the store."""

    name: str
    version: str
    revision: int
    epoch: str
    age: float
    owned: int
    held: int


class PeerUnreachable(Exception):
    """No answer, or none that could be read. The message says why."""


class Peers(Protocol):
    """Every call is bounded in time by whoever implements it."""

    async def ask(self, member: Member, inquiry: Inquiry) -> Heard:
        """Raises `PeerUnreachable`."""
        ...

    async def compare(self, member: Member, comparison: Comparison) -> Compared:
        """Raises `PeerUnreachable`."""
        ...

    async def standing(self, member: Member) -> Standing:
        """Raises `PeerUnreachable`."""
        ...

    async def drained(
        self, member: Member, namespace: str, service: str, revision: int, wait: float
    ) -> DrainAnswer:
        """What the subscribers of that replica say to a drain, as it answers itself. Raises `PeerUnreachable`."""
        ...


class Shared(Struct, frozen=True):
    """What makes a registry one of several: the store they share, who it is itself, and what carries its words to the others."""

    store: SharedStore
    me: Member
    peers: Peers
