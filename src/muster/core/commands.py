"""Everything that can be asked of the registry's records. `decide` answers each; nothing else changes them.

`at` is wall-clock milliseconds, for display and retention. `generation` 0 addresses whichever incarnation is current; any other
only the one registered at that revision. `owner` is the digest of the owner secret that was sent, empty for none.
"""

from __future__ import annotations

from msgspec import Struct

from muster.model.check import Health
from muster.model.instance import Instance


class Register(Struct, frozen=True, gc=False):
    """`starting`: the instance is not ready yet."""

    instance: Instance
    incarnation: str
    starting: bool
    owner: bytes
    at: int


class Deregister(Struct, frozen=True, gc=False):
    key: str
    generation: int
    owner: bytes


class Drain(Struct, frozen=True, gc=False):
    key: str
    generation: int
    owner: bytes
    at: int


class Amend(Struct, frozen=True, gc=False):
    """Change what is not None. `override` is an operator's word and asks for no owner secret; the rest does."""

    key: str
    generation: int
    owner: bytes
    at: int
    weight: int | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    ready: bool | None = None
    override: str | None = None


class Revive(Struct, frozen=True, gc=False):
    """A renewal arrived for a lease that had lapsed, or was overdue: it is neither any more."""

    key: str
    generation: int
    owner: bytes
    at: int


class MarkOverdue(Struct, frozen=True, gc=False):
    key: str
    generation: int
    at: int


class Expire(Struct, frozen=True, gc=False):
    """The lease lapsed."""

    key: str
    generation: int
    at: int


class SetHealth(Struct, frozen=True, gc=False):
    """A check's health changed."""

    key: str
    generation: int
    check: str
    health: Health
    at: int


class SetReach(Struct, frozen=True, gc=False):
    """A suspicion was confirmed, or a recovery probe was answered."""

    key: str
    generation: int
    unreachable: bool
    at: int


class Remove(Struct, frozen=True, gc=False):
    """The registry's own removal: retention is over, or it was critical for too long. `status` must still hold."""

    key: str
    generation: int
    status: str


Command = (
    Register | Deregister | Drain | Amend | Revive | MarkOverdue | Expire | SetHealth | SetReach | Remove
)


def key_of(command: Command) -> str:
    """The record a command is about."""
    if isinstance(command, Register):
        return f"{command.instance.namespace}/{command.instance.id}"
    return command.key
